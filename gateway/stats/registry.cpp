#include "stats/registry.hpp"

namespace canary::stats {

std::shared_ptr<VersionStats> Registry::version(const std::string& model,
                                                const std::string& version,
                                                const LatencyBounds& bounds) {
  auto& known = versions_[{model, version}];
  if (known && known->latency->bounds == bounds) return known;
  // Tables in force still hold the earlier epoch's object: it stays as it is, a new one replaces
  // it here.
  auto next = std::make_shared<VersionStats>();
  next->model = model;
  next->version = version;
  next->requests = known ? known->requests : std::make_shared<RequestCells>(workers_);
  next->latency = std::make_shared<LatencyCells>(workers_, bounds);
  known = std::move(next);
  return known;
}

std::vector<std::shared_ptr<VersionStats>> Registry::all() const {
  std::vector<std::shared_ptr<VersionStats>> all;
  all.reserve(versions_.size());
  for (const auto& [key, stats] : versions_) all.push_back(stats);
  return all;
}

}  // namespace canary::stats

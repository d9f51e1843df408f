// The one place that knows every version's cells. Owned by the control thread; the cells it hands
// out are written by the workers. Keyed by (model, version); outlives reloads.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "stats/cells.hpp"

namespace canary::stats {

class Registry {
 public:
  explicit Registry(std::size_t workers) : workers_(workers) {}

  /// The cells of a version; created at first use. Other bounds than last time begin a new latency
  /// epoch; the request counters go on.
  std::shared_ptr<VersionStats> version(const std::string& model, const std::string& version,
                                        const LatencyBounds& bounds);
  /// Every version ever asked for, sorted by model and version.
  std::vector<std::shared_ptr<VersionStats>> all() const;
  std::size_t workers() const { return workers_; }

 private:
  std::size_t workers_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<VersionStats>> versions_;
};

}  // namespace canary::stats

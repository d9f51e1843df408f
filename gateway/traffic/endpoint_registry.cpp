#include "traffic/endpoint_registry.hpp"

#include <algorithm>

namespace canary::traffic {

void EndpointRegistry::begin_table(std::size_t workers) {
  ++round_;
  workers_ = workers;
}

std::uint32_t EndpointRegistry::end_table() {
  std::erase_if(health_, [this](const auto& each) { return each.second.round != round_; });
  std::erase_if(named_, [this](const auto& each) {
    if (each.second.round == round_) return false;
    taken_[each.second.value.id.slot] = false;
    return true;
  });
  while (!taken_.empty() && !taken_.back()) taken_.pop_back();
  return static_cast<std::uint32_t>(taken_.size());
}

Endpoint EndpointRegistry::endpoint(const SocketAddress& address, const std::string& authority) {
  auto& kept = named_[{address.key(), authority}];
  if (kept.round == 0)
    kept.value = {{free_slot(), ++last_serial_}, std::make_shared<stats::EndpointCells>(workers_)};
  kept.round = round_;
  Endpoint endpoint;
  endpoint.authority = authority;
  endpoint.address = address;
  endpoint.id = kept.value.id;
  endpoint.cells = kept.value.cells;
  return endpoint;
}

std::shared_ptr<EndpointHealth> EndpointRegistry::health(const std::string& model,
                                                         const std::string& version,
                                                         EndpointId id) {
  auto& kept = health_[{model, version, id.serial}];
  if (!kept.value) kept.value = std::make_shared<EndpointHealth>();
  kept.round = round_;
  return kept.value;
}

std::uint32_t EndpointRegistry::free_slot() {
  const auto free = std::find(taken_.begin(), taken_.end(), false);
  const auto slot = static_cast<std::uint32_t>(free - taken_.begin());
  if (free == taken_.end())
    taken_.push_back(true);
  else
    *free = true;
  return slot;
}

}  // namespace canary::traffic

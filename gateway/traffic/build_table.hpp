// Configuration + effective weights + resolved addresses -> one RoutingTable. Pure but for the
// registry, which hands out the versions' cells.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "stats/registry.hpp"
#include "traffic/routing_table.hpp"

namespace canary::traffic {

/// Address of a host and port; length 0 when it is not known.
using Lookup = std::function<SocketAddress(const config::EndpointUrl&)>;
/// Numeric addresses only; anything else is unknown.
SocketAddress lookup_numeric(const config::EndpointUrl& url);

/// Gives every (address, authority) one number for the life of the process, so that a worker's idle
/// connections survive a new table.
class EndpointIds {
 public:
  std::uint32_t id(const SocketAddress& address, const std::string& authority);

 private:
  std::map<std::pair<std::string, std::string>, std::uint32_t> ids_;
};

/// `weights`: effective canary weight by model name; a model that is missing gets 0.
std::shared_ptr<const RoutingTable> build_table(const config::Config& config,
                                                const std::map<std::string, BasisPoints>& weights,
                                                const Lookup& lookup, EndpointIds& ids,
                                                stats::Registry& registry,
                                                std::uint64_t generation);

}  // namespace canary::traffic

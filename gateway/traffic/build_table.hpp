// Configuration + effective weights + resolved addresses -> one RoutingTable. Pure but for the
// registries, which hand out the versions' cells and the endpoints' names.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "stats/registry.hpp"
#include "traffic/endpoint_registry.hpp"
#include "traffic/routing_table.hpp"

namespace canary::traffic {

/// Every address of a host, with the port, without order; none when it is not known.
using Lookup = std::function<std::vector<SocketAddress>(const config::EndpointUrl&)>;
/// Of a numeric address; length 0 for anything else.
SocketAddress numeric_address(const config::EndpointUrl& url);
/// Numeric addresses only; anything else is unknown.
std::vector<SocketAddress> lookup_numeric(const config::EndpointUrl& url);

/// `weights`: effective canary weight by model name; a model that is missing gets 0.
std::shared_ptr<const RoutingTable> build_table(const config::Config& config,
                                                const std::map<std::string, BasisPoints>& weights,
                                                const Lookup& lookup, EndpointRegistry& endpoints,
                                                stats::Registry& registry,
                                                std::uint64_t generation);

}  // namespace canary::traffic

// One immutable snapshot of everything a worker needs to route: matchers, versions, endpoints,
// shares, limits, timeouts. Control builds it whole and publishes it; a worker only reads.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "config/config.hpp"
#include "stats/cells.hpp"

namespace canary::traffic {

using base::BasisPoints;

/// A resolved socket address.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  bool operator==(const SocketAddress& other) const;
};

struct Endpoint {
  std::string authority;  // what the upstream's Host header says
  SocketAddress address;  // length 0: the name did not resolve; connecting fails at once
  std::uint32_t id = 0;   // names this (address, authority) in a worker's pools; stable over tables
};

enum class Role : std::uint8_t { stable, canary };
std::string_view name(Role role);

struct Version {
  std::string name;
  Role role = Role::stable;
  std::vector<Endpoint> endpoints;
  std::shared_ptr<stats::VersionStats> stats;
};

struct Model {
  std::string name;
  Version stable;
  std::optional<Version> canary;
  BasisPoints canary_weight = 0;  // effective; 0 without a canary
  config::Model settings;         // timeouts, sticky, override, failover, upstream, errors.also
  bool error_code(std::uint16_t code) const;  // counts as an error by `errors.also`
};

struct RoutingTable {
  std::uint64_t generation = 0;  // grows by one with every publish
  std::vector<Model> models;     // in the file's order
  struct Route {
    config::Match match;
    std::size_t model = 0;  // index into models
  };
  std::vector<Route> routes;  // most specific first (see match.hpp)
  config::DataTimeouts timeouts;
  config::DataLimits limits;
  std::vector<config::AddressBlock> trusted_proxies;
  BasisPoints access_log_sample = 0;  // 0: no access log
};

}  // namespace canary::traffic

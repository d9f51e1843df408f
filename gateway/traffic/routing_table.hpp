// One immutable snapshot of everything a worker needs to route: matchers, versions, endpoints,
// shares, limits, timeouts. Control builds it whole and publishes it; a worker only reads.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "config/config.hpp"
#include "stats/cells.hpp"
#include "stats/endpoint_cells.hpp"

namespace canary::traffic {

using base::BasisPoints;

/// A resolved socket address.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  bool operator==(const SocketAddress& other) const;
  std::string to_string() const;  // 10.0.0.7:9001, [::1]:9001
  /// Bytes that are equal exactly when the addresses are, and put them in an order.
  std::string key() const;
};

/// Names one (address, authority) in a worker's pools for as long as consecutive tables have it.
/// The slot is given away again afterwards; a serial is not.
struct EndpointId {
  std::uint32_t slot = 0;
  std::uint32_t serial = 0;  // 0: of no endpoint
  bool operator==(const EndpointId&) const = default;
};

/// What active probes say of an endpoint of one version. Written by control, read by workers.
struct EndpointHealth {
  std::atomic<bool> healthy{true};        // until probes say otherwise
  std::atomic<std::int64_t> answered{0};  // when the last good probe was sent, in MonoTime's ns
  // The first that failed since it was last healthy, or the end of an outage of all; 0: none did.
  std::atomic<std::int64_t> failing_since{0};
};

/// One address of a version. A name of the file stands for as many as it resolves to.
struct Endpoint {
  std::string url;        // as the file has it: http://host:port
  std::string authority;  // the URL's host, with the port unless 80
  std::string host;       // what Host says where it is not the client's: authority or a name
  SocketAddress address;
  EndpointId id;
  std::shared_ptr<stats::EndpointCells> cells;
  std::shared_ptr<EndpointHealth> health;  // none: it is not probed
};

enum class Role : std::uint8_t { stable, canary };
std::string_view name(Role role);

struct Version {
  std::string name;
  Role role = Role::stable;
  std::vector<Endpoint> endpoints;  // none while no name of the version resolves
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
  std::uint64_t generation = 0;      // grows by one with every publish
  std::uint32_t endpoint_slots = 0;  // every endpoint's slot is below
  std::vector<Model> models;         // in the file's order
  struct Route {
    config::Match match;
    std::size_t model = 0;  // index into models
  };
  std::vector<Route> routes;  // most specific first (see match.hpp)
  config::DataTimeouts timeouts;
  config::DataLimits limits;
  std::vector<config::AddressBlock> trusted_proxies;
  BasisPoints access_log_sample = 0;  // 0: no access log

  /// Whether this version is the model's canary and has weight.
  bool gives_weight(const std::string& model, const std::string& canary) const;
};

}  // namespace canary::traffic

#include "traffic/build_table.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "traffic/match.hpp"

namespace canary::traffic {
namespace {

stats::LatencyBounds latency_bounds(const config::Model& model) {
  if (!model.slo) return {};
  const auto slo = model.slo->latency_p95;
  const double trigger = static_cast<double>(slo.count()) * model.triggers.latency_p95;
  return {slo, base::Duration(std::llround(trigger)), model.slo->of == config::Slo::Of::first_byte};
}

// The address in a form that is equal exactly when the addresses are: family, port, bytes.
std::string address_key(const SocketAddress& address) {
  std::string key;
  const auto append = [&](const auto& field) {
    key.append(reinterpret_cast<const char*>(&field), sizeof field);
  };
  if (address.length == 0) return key;
  append(address.storage.ss_family);
  if (address.storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    append(v4.sin_port);
    append(v4.sin_addr);
  } else {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    append(v6.sin6_port);
    append(v6.sin6_addr);
    append(v6.sin6_scope_id);
  }
  return key;
}

struct Builder {
  const Lookup& lookup;
  EndpointIds& ids;
  stats::Registry& registry;

  Version version(const config::Model& model, const config::Version& from, Role role) const {
    Version version;
    version.name = from.name;
    version.role = role;
    version.stats = registry.version(model.name, from.name, latency_bounds(model));
    for (const config::EndpointUrl& url : from.endpoints) {
      Endpoint endpoint;
      endpoint.authority = url.authority();
      endpoint.address = lookup(url);
      endpoint.id = ids.id(endpoint.address, endpoint.authority);
      version.endpoints.push_back(std::move(endpoint));
    }
    return version;
  }

  Model model(const config::Model& from, BasisPoints weight) const {
    Model model;
    model.name = from.name;
    model.settings = from;
    model.stable = version(from, from.stable, Role::stable);
    if (from.canary) {
      model.canary = version(from, *from.canary, Role::canary);
      model.canary_weight = std::min(weight, base::full_weight);
    }
    return model;
  }
};

}  // namespace

SocketAddress lookup_numeric(const config::EndpointUrl& url) {
  SocketAddress result;
  std::string host = url.host;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(url.port);
    std::memcpy(&result.storage, &v4, sizeof v4);
    result.length = sizeof v4;
  } else if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(url.port);
    std::memcpy(&result.storage, &v6, sizeof v6);
    result.length = sizeof v6;
  }
  return result;
}

std::uint32_t EndpointIds::id(const SocketAddress& address, const std::string& authority) {
  const auto next = static_cast<std::uint32_t>(ids_.size() + 1);
  return ids_.try_emplace({address_key(address), authority}, next).first->second;
}

std::shared_ptr<const RoutingTable> build_table(const config::Config& config,
                                                const std::map<std::string, BasisPoints>& weights,
                                                const Lookup& lookup, EndpointIds& ids,
                                                stats::Registry& registry,
                                                std::uint64_t generation) {
  const Builder builder{lookup, ids, registry};
  auto table = std::make_shared<RoutingTable>();
  table->generation = generation;
  table->timeouts = config.data.timeouts;
  table->limits = config.data.limits;
  table->trusted_proxies = config.data.trusted_proxies;
  if (config.access_log) table->access_log_sample = config.access_log->sample;
  for (const config::Model& from : config.models) {
    const auto weight = weights.find(from.name);
    for (const config::Match& match : from.match)
      table->routes.push_back({match, table->models.size()});
    table->models.push_back(
        builder.model(from, weight == weights.end() ? BasisPoints{0} : weight->second));
  }
  sort_routes(table->routes);
  return table;
}

}  // namespace canary::traffic

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

struct Builder {
  const Lookup& lookup;
  EndpointRegistry& endpoints;
  stats::Registry& registry;

  Version version(const config::Model& model, const config::Version& from, Role role) const {
    Version version;
    version.name = from.name;
    version.role = role;
    version.stats = registry.version(model.name, from.name, latency_bounds(model));
    for (const config::EndpointUrl& url : from.endpoints) {
      for (const SocketAddress& address : lookup(url)) {
        Endpoint endpoint = endpoints.endpoint(address, url.authority());
        endpoint.url = url.to_string();
        const config::UpstreamHost& host = model.upstream.host;
        const bool named = host.kind == config::UpstreamHost::Kind::name;
        endpoint.host = named ? host.name : endpoint.authority;
        if (!model.health.path.empty())
          endpoint.health = endpoints.health(model.name, from.name, endpoint.id);
        version.endpoints.push_back(std::move(endpoint));
      }
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

SocketAddress numeric_address(const config::EndpointUrl& url) {
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

std::vector<SocketAddress> lookup_numeric(const config::EndpointUrl& url) {
  const SocketAddress address = numeric_address(url);
  if (address.length == 0) return {};
  return {address};
}

std::shared_ptr<const RoutingTable> build_table(const config::Config& config,
                                                const std::map<std::string, BasisPoints>& weights,
                                                const Lookup& lookup, EndpointRegistry& endpoints,
                                                stats::Registry& registry,
                                                std::uint64_t generation) {
  const Builder builder{lookup, endpoints, registry};
  endpoints.begin_table(registry.workers());
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
  table->endpoint_slots = endpoints.end_table();
  sort_routes(table->routes);
  return table;
}

}  // namespace canary::traffic

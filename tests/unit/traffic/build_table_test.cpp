#include "traffic/build_table.hpp"

#include <arpa/inet.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <set>

#include "support/fake_request.hpp"
#include "traffic/match.hpp"

using namespace canary;
using namespace canary::traffic;
using namespace std::chrono_literals;

namespace {

config::Model model_named(const std::string& name, bool canary = true) {
  config::Model model;
  model.name = name;
  model.match.push_back({"/v1/models/" + name, "", "", ""});
  model.stable = {name + "_v1", {{"127.0.0.1", 9001}, {"unknown.example", 80}}};
  if (canary) {
    model.canary.emplace();
    model.canary->name = name + "_v2";
    model.canary->endpoints = {{"::1", 9002}};
  }
  return model;
}

struct Fixture {
  config::Config config;
  EndpointRegistry endpoints;
  stats::Registry registry{2};
  Lookup lookup = lookup_numeric;
  std::shared_ptr<const RoutingTable> build(const std::map<std::string, BasisPoints>& weights,
                                            std::uint64_t generation = 1) {
    return build_table(config, weights, lookup, endpoints, registry, generation);
  }
};

}  // namespace

TEST_CASE("a table holds what the file says, under the effective weights", "[build_table]") {
  Fixture f;
  f.config.models = {model_named("a"), model_named("b"), model_named("c", false)};
  f.config.data.timeouts.header = 3s;
  f.config.data.limits.header_count = 7;
  f.config.data.trusted_proxies.resize(2);
  f.config.models[0].errors_also = {404};
  const auto table = f.build({{"a", BasisPoints{1000}}, {"c", BasisPoints{5000}}}, 42);
  CHECK(table->generation == 42);
  CHECK(table->timeouts.header == 3s);
  CHECK(table->limits.header_count == 7);
  CHECK(table->trusted_proxies.size() == 2);
  CHECK(table->access_log_sample == 0);
  REQUIRE(table->models.size() == 3);
  CHECK(table->models[0].canary_weight == 1000);
  CHECK(table->models[1].canary_weight == 0);  // not among the weights
  CHECK(table->models[2].canary_weight == 0);  // has no canary
  const Model& a = table->models[0];
  CHECK(a.stable.name == "a_v1");
  CHECK(a.stable.role == Role::stable);
  REQUIRE(a.canary);
  CHECK(a.canary->name == "a_v2");
  CHECK(a.canary->role == Role::canary);
  CHECK(a.error_code(404));
  CHECK_FALSE(a.error_code(400));
  const Model* found = match(*table, tests::FakeRequest("/v1/models/b:predict")).model;
  CHECK(found == &table->models[1]);
}

TEST_CASE("the access log's share is the file's where there is one", "[build_table]") {
  Fixture f;
  f.config.access_log = config::AccessLog{"/var/log/a", BasisPoints{2500}};
  CHECK(f.build({})->access_log_sample == 2500);
}

TEST_CASE("the most specific route of all models comes first", "[build_table]") {
  Fixture f;
  f.config.models = {model_named("a"), model_named("b")};
  f.config.models[0].match = {{"/", "", "", ""}};
  const auto table = f.build({});
  REQUIRE(table->routes.size() == 2);
  CHECK(table->routes[0].model == 1);
}

TEST_CASE("numeric addresses are resolved, names are not", "[build_table]") {
  const auto v4 = numeric_address({"192.0.2.7", 9001});
  REQUIRE(v4.length == sizeof(sockaddr_in));
  const auto& in4 = reinterpret_cast<const sockaddr_in&>(v4.storage);
  CHECK(in4.sin_family == AF_INET);
  CHECK(ntohs(in4.sin_port) == 9001);
  CHECK(ntohl(in4.sin_addr.s_addr) == 0xC0000207);
  for (const std::string host : {"2001:db8::1", "[2001:db8::1]"}) {
    const auto v6 = numeric_address({host, 80});
    REQUIRE(v6.length == sizeof(sockaddr_in6));
    char text[INET6_ADDRSTRLEN];
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(v6.storage);
    CHECK(std::string(inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text)) == "2001:db8::1");
  }
  CHECK(lookup_numeric({"192.0.2.7", 9001}) == std::vector{v4});
  CHECK(lookup_numeric({"localhost", 80}).empty());
  for (const std::string host : {"localhost", "", "[]", "192.0.2", "192.0.2.7.8", "::g"})
    CHECK(numeric_address({host, 80}).length == 0);
}

TEST_CASE("addresses are equal when family, host and port are", "[build_table]") {
  CHECK(numeric_address({"::1", 80}) == numeric_address({"0:0::1", 80}));
  CHECK(numeric_address({"127.0.0.1", 80}) == numeric_address({"127.0.0.1", 80}));
  CHECK_FALSE(numeric_address({"127.0.0.1", 80}) == numeric_address({"127.0.0.1", 81}));
  CHECK_FALSE(numeric_address({"127.0.0.1", 80}) == numeric_address({"127.0.0.2", 80}));
  CHECK_FALSE(numeric_address({"::1", 80}) == numeric_address({"::2", 80}));
  CHECK_FALSE(numeric_address({"::", 80}) == numeric_address({"0.0.0.0", 80}));
  CHECK(SocketAddress{} == SocketAddress{});
  CHECK_FALSE(SocketAddress{} == numeric_address({"::1", 80}));
}

TEST_CASE("a name stands for every address that it has, and for none while it has none",
          "[build_table]") {
  Fixture f;
  f.config.models = {model_named("a")};
  CHECK(f.build({})->models[0].stable.endpoints.size() == 1);
  f.lookup = [](const config::EndpointUrl& url) {
    if (url.host != "unknown.example") return lookup_numeric(url);
    return std::vector{numeric_address({"10.0.0.1", url.port}), numeric_address({"::2", url.port})};
  };
  const auto table = f.build({});
  const auto& endpoints = table->models[0].stable.endpoints;
  REQUIRE(endpoints.size() == 3);
  CHECK(endpoints[0].url == "http://127.0.0.1:9001");
  CHECK(endpoints[1].url == "http://unknown.example:80");
  CHECK(endpoints[1].authority == "unknown.example");
  CHECK(endpoints[1].address.to_string() == "10.0.0.1:80");
  CHECK(endpoints[2].url == endpoints[1].url);
  CHECK(endpoints[2].address.to_string() == "[::2]:80");
  CHECK_FALSE(endpoints[1].id == endpoints[2].id);
  CHECK_FALSE(endpoints[1].health);  // nothing asks how it is
}

TEST_CASE("an endpoint keeps its name, its cells and its health over tables", "[build_table]") {
  Fixture f;
  f.config.models = {model_named("a")};
  f.config.models[0].health.path = "/ready";
  const auto first = f.build({});
  f.config.models.insert(f.config.models.begin(), model_named("b"));
  const auto second = f.build({});
  const Endpoint& before = first->models[0].stable.endpoints[0];
  const Endpoint& after = second->models[1].stable.endpoints[0];
  CHECK(before.id == after.id);
  CHECK(before.cells == after.cells);
  REQUIRE(before.health);
  CHECK(before.health == after.health);
  // The same server is the same endpoint for another model, but each asks by itself how it is.
  f.config.models[0].health.path = "/ready";
  const auto third = f.build({});
  const Endpoint& shared = third->models[0].stable.endpoints[0];
  CHECK(shared.id == before.id);
  CHECK(shared.health != before.health);
  CHECK(third->models[1].stable.endpoints[0].health == before.health);
}

TEST_CASE("an address that comes back after a table without it is a new endpoint",
          "[build_table]") {
  EndpointRegistry endpoints;
  const auto address = numeric_address({"127.0.0.1", 80});
  const auto one = [&](const SocketAddress& which, const std::string& authority) {
    endpoints.begin_table(1);
    const Endpoint endpoint = endpoints.endpoint(which, authority);
    endpoints.end_table();
    return endpoint;
  };
  const Endpoint first = one(address, "a");
  CHECK(one(address, "a").id == first.id);
  CHECK_FALSE(one(address, "b").id == first.id);
  const Endpoint again = one(address, "a");
  CHECK(again.id.serial != first.id.serial);
  CHECK(again.cells != first.cells);
}

TEST_CASE("addresses that change for ever take no more room than two tables", "[build_table]") {
  EndpointRegistry endpoints;
  std::uint32_t last_serial = 0;
  for (std::uint16_t round = 0; round < 500; ++round) {
    endpoints.begin_table(1);
    std::set<std::uint32_t> slots;
    for (std::uint16_t i = 0; i < 3; ++i) {
      const auto port = static_cast<std::uint16_t>(1 + round * 3 + i);
      const Endpoint endpoint = endpoints.endpoint(numeric_address({"10.0.0.1", port}), "a");
      CHECK(endpoint.id.serial > last_serial);
      last_serial = endpoint.id.serial;
      slots.insert(endpoint.id.slot);
    }
    CHECK(slots.size() == 3);
    CHECK(endpoints.end_table() <= 6);
    REQUIRE(*slots.rbegin() < 6);
  }
}

TEST_CASE("both versions are measured against the model's SLO and trigger", "[build_table]") {
  Fixture f;
  f.config.models = {model_named("a")};
  f.config.models[0].slo = config::Slo{200ms, config::Slo::Of::first_byte};
  f.config.models[0].triggers.latency_p95 = 1.1;
  const auto table = f.build({});
  for (const auto* version : {&table->models[0].stable, &*table->models[0].canary}) {
    REQUIRE(version->stats);
    CHECK(version->stats->model == "a");
    CHECK(version->stats->version == version->name);
    CHECK(version->stats->latency->bounds.slo == 200ms);
    CHECK(version->stats->latency->bounds.trigger == 220ms);
    CHECK(version->stats->latency->bounds.of_first_byte);
  }
  f.config.models[0].slo.reset();
  const auto next = f.build({});
  CHECK(next->models[0].stable.stats->latency->bounds == stats::LatencyBounds{});
  CHECK(next->models[0].stable.stats->requests == table->models[0].stable.stats->requests);
}

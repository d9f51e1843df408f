#include "traffic/build_table.hpp"

#include <arpa/inet.h>

#include <catch2/catch.hpp>
#include <chrono>

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
  EndpointIds ids;
  stats::Registry registry{2};
  std::shared_ptr<const RoutingTable> build(const std::map<std::string, BasisPoints>& weights,
                                            std::uint64_t generation = 1) {
    return build_table(config, weights, lookup_numeric, ids, registry, generation);
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
  const auto v4 = lookup_numeric({"192.0.2.7", 9001});
  REQUIRE(v4.length == sizeof(sockaddr_in));
  const auto& in4 = reinterpret_cast<const sockaddr_in&>(v4.storage);
  CHECK(in4.sin_family == AF_INET);
  CHECK(ntohs(in4.sin_port) == 9001);
  CHECK(ntohl(in4.sin_addr.s_addr) == 0xC0000207);
  for (const std::string host : {"2001:db8::1", "[2001:db8::1]"}) {
    const auto v6 = lookup_numeric({host, 80});
    REQUIRE(v6.length == sizeof(sockaddr_in6));
    char text[INET6_ADDRSTRLEN];
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(v6.storage);
    CHECK(std::string(inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text)) == "2001:db8::1");
  }
  for (const std::string host : {"localhost", "", "[]", "192.0.2", "192.0.2.7.8", "::g"})
    CHECK(lookup_numeric({host, 80}).length == 0);
}

TEST_CASE("addresses are equal when family, host and port are", "[build_table]") {
  CHECK(lookup_numeric({"::1", 80}) == lookup_numeric({"0:0::1", 80}));
  CHECK(lookup_numeric({"127.0.0.1", 80}) == lookup_numeric({"127.0.0.1", 80}));
  CHECK_FALSE(lookup_numeric({"127.0.0.1", 80}) == lookup_numeric({"127.0.0.1", 81}));
  CHECK_FALSE(lookup_numeric({"127.0.0.1", 80}) == lookup_numeric({"127.0.0.2", 80}));
  CHECK_FALSE(lookup_numeric({"::1", 80}) == lookup_numeric({"::2", 80}));
  CHECK_FALSE(lookup_numeric({"::", 80}) == lookup_numeric({"0.0.0.0", 80}));
  CHECK(SocketAddress{} == SocketAddress{});
  CHECK_FALSE(SocketAddress{} == lookup_numeric({"::1", 80}));
}

TEST_CASE("an endpoint keeps its number over tables, and another address gets another",
          "[build_table]") {
  Fixture f;
  f.config.models = {model_named("a")};
  const auto first = f.build({});
  f.config.models.insert(f.config.models.begin(), model_named("b"));
  const auto second = f.build({});
  const auto& before = first->models[0].stable.endpoints;
  const auto& after = second->models[1].stable.endpoints;
  REQUIRE(before.size() == 2);
  CHECK(before[0].id == after[0].id);
  CHECK(before[1].id == after[1].id);
  CHECK(before[0].id != before[1].id);
  CHECK(before[1].address.length == 0);  // a name: unknown to this lookup
  EndpointIds ids;
  const auto address = lookup_numeric({"127.0.0.1", 80});
  const auto id = ids.id(address, "a");
  CHECK(ids.id(address, "b") != id);
  CHECK(ids.id(lookup_numeric({"127.0.0.1", 81}), "a") != id);
  CHECK(ids.id(SocketAddress{}, "a") != id);
  CHECK(ids.id(address, "a") == id);
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

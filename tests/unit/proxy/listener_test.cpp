// How many connections are taken, and what becomes of the others.
#include <catch2/catch.hpp>

#include <list>

#include "support/running_worker.hpp"

namespace canary::proxy {
namespace {

using namespace test;

config::Config limited(std::uint16_t upstream, std::uint32_t connections) {
  config::Config config = one_model(upstream);
  config.data.limits.connections = connections;
  return config;
}

std::uint64_t turned_away(RunningWorker& gateway) {
  return gateway.ask([](Worker& worker) { return worker.counters().turned_away.get(); });
}
std::uint64_t evicted(RunningWorker& gateway) {
  return gateway.ask([](Worker& worker) { return worker.counters().evicted.get(); });
}

/// Longer than a connection has to be idle to be closed for another.
constexpr base::Duration long_idle = 1100ms;

}  // namespace

TEST_CASE("Beyond the connection limit a newcomer learns it at once, and the others are served") {
  Upstream upstream(always(ok("served")));
  RunningWorker gateway(limited(upstream.port, 2));
  Client first(gateway.port), second(gateway.port);
  CHECK(first.ask(get("/")).body == "served");
  CHECK(second.ask(get("/")).body == "served");
  Client third(gateway.port);
  const Message refused = third.ask(get("/"));
  CHECK(refused.status() == 503);
  CHECK(refused.field("Retry-After") == "1");
  CHECK(refused.field("Connection") == "close");
  CHECK(refused.field("X-Request-Id").size() == base::uuid_length);
  CHECK(refused.body.find("\"too_many_connections\"") != std::string::npos);
  CHECK(read_message(third).head.empty());
  CHECK(second.ask(get("/")).body == "served");
  CHECK(turned_away(gateway) == 1);
  CHECK(evicted(gateway) == 0);
  first.close();
  third.close();
  CHECK(gateway.eventually([&] { return gateway.open_connections() == 1; }));
  CHECK(Client(gateway.port).ask(get("/")).body == "served");
}

TEST_CASE("A newcomer takes the place of who has been idle for longest") {
  Upstream upstream(always(ok("served")));
  RunningWorker gateway(limited(upstream.port, 2));
  Client first(gateway.port), second(gateway.port);
  CHECK(first.ask(get("/")).body == "served");
  CHECK(second.ask(get("/")).body == "served");
  CHECK(first.ask(get("/")).body == "served");
  REQUIRE(gateway.let_pass(long_idle));
  Client third(gateway.port);
  CHECK(third.ask(get("/")).body == "served");
  CHECK(read_message(second).head.empty());
  CHECK(first.ask(get("/")).body == "served");
  CHECK(evicted(gateway) == 1);
  CHECK(turned_away(gateway) == 0);
}

TEST_CASE("Who never asked for anything goes before who did, however new") {
  Upstream upstream(always(ok("served")));
  RunningWorker gateway(limited(upstream.port, 2));
  Client first(gateway.port);
  CHECK(first.ask(get("/")).body == "served");
  Client silent(gateway.port);
  REQUIRE(gateway.eventually([&] { return gateway.open_connections() == 2; }));
  REQUIRE(gateway.let_pass(long_idle));
  CHECK(Client(gateway.port).ask(get("/")).body == "served");
  CHECK(read_message(silent).head.empty());
  CHECK(first.ask(get("/")).body == "served");
}

TEST_CASE("A request in flight is never closed for a newcomer") {
  Upstream upstream([](Peer& peer) {
    while (!peer.request().head.empty()) {
    }
  });
  RunningWorker gateway(limited(upstream.port, 1));
  Client busy(gateway.port);
  busy.send(get("/"));
  REQUIRE(upstream.saw(1));
  REQUIRE(gateway.let_pass(long_idle));
  CHECK(Client(gateway.port).ask(get("/")).status() == 503);
  CHECK(gateway.stable().in_flight() == 1);
  CHECK(evicted(gateway) == 0);
}

TEST_CASE("However many newcomers there are at once, each learns that there is no room") {
  Upstream upstream([](Peer& peer) {
    while (!peer.request().head.empty()) {
    }
  });
  RunningWorker gateway(limited(upstream.port, 1));
  Client busy(gateway.port);
  busy.send(get("/"));
  REQUIRE(upstream.saw(1));
  std::list<Client> crowd;
  for (int i = 0; i < 60; ++i) crowd.emplace_back(gateway.port).send(get("/"));
  while (!crowd.empty()) {
    CHECK(read_message(crowd.front()).status() == 503);
    crowd.pop_front();
  }
  CHECK(turned_away(gateway) == 60);
  CHECK(gateway.eventually([&] { return gateway.open_connections() == 1; }));
}

TEST_CASE("A higher connection limit takes effect with the table that brings it") {
  Upstream upstream(always(ok("served")));
  RunningWorker gateway(limited(upstream.port, 1));
  Client first(gateway.port);
  CHECK(first.ask(get("/")).body == "served");
  CHECK(Client(gateway.port).ask(get("/")).status() == 503);
  gateway.config.data.limits.connections = 2;
  gateway.install(0);
  CHECK(Client(gateway.port).ask(get("/")).body == "served");
}

}  // namespace canary::proxy

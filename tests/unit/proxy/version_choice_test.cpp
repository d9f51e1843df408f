// Keep-alive race, failover, and tables that change while a request is on its way.
#include <catch2/catch.hpp>

#include "support/running_worker.hpp"

namespace canary::proxy {
namespace {

using namespace test;
using Charges = std::map<std::string, std::uint64_t>;

// The first connection answers one request, reads the next one and closes without a byte.
Upstream::Script dies_when_reused() {
  return [](Peer& peer) {
    peer.request();
    peer.wire.send(ok("first"));
    peer.request();
    if (peer.index == 0) return;
    peer.wire.send(ok("second"));
    peer.request();
  };
}

bool has_idle(RunningWorker& gateway, traffic::EndpointId endpoint) {
  return gateway.ask([endpoint](Worker& worker) {
    auto lease = worker.wires().upstreams().take(endpoint);
    const bool found = lease != nullptr;
    if (found) worker.wires().upstreams().put(*lease.release(), 4s, 64);
    return found;
  });
}

// One request through each connection it dies on.
Message ask_twice(RunningWorker& gateway, const std::string& second) {
  Client client(gateway.port);
  CHECK(client.ask(get("/first")).body == "first");
  return client.ask(second);
}

}  // namespace

TEST_CASE("A reused connection that dies before a byte is tried once more, on a fresh one") {
  const auto request = GENERATE(
      get("/second"), std::string("PUT / HTTP/1.1\r\nHost: gw\r\nContent-Length: 4\r\n\r\nbody"));
  Upstream upstream(dies_when_reused());
  RunningWorker gateway(one_model(upstream.port));
  CHECK(ask_twice(gateway, request).body == "first");  // the fresh connection's first answer
  CHECK(upstream.connections() == 2);
  const auto seen = upstream.seen();
  REQUIRE(seen.size() == 3);
  CHECK(seen[1].head == seen[2].head);  // with the same request id
  CHECK(seen[1].body == seen[2].body);
  CHECK(gateway.stable().by_code == Charges{{"ok 200", 2}});
  CHECK(gateway.stable().received == seen[1].body.size());
  CHECK(gateway.stable().in_flight() == 0);
}

TEST_CASE("A POST on a reused connection that dies is not repeated, and not charged") {
  Upstream upstream(dies_when_reused());
  RunningWorker gateway(one_model(upstream.port));
  CHECK(ask_twice(gateway, post("/", "body")).status() == 502);
  CHECK(upstream.seen().size() == 2);
  CHECK(gateway.stable().by_outcome == Charges{{"gateway_error", 1}, {"ok", 1}});
  CHECK(gateway.stable().errors == 0);
}

TEST_CASE("A version that keeps dying on what it was sent is charged, reused connection or not") {
  Upstream upstream([](Peer& peer) {
    peer.request();
    peer.wire.send(ok("first"));
    peer.request();
  });
  RunningWorker gateway(one_model(upstream.port));
  const int rounds = stats::RaceAllowance::burst + 4;
  for (int i = 0; i < rounds; ++i) CHECK(ask_twice(gateway, post("/", "body")).status() == 502);
  CHECK(upstream.seen().size() == 2 * rounds);
  CHECK(gateway.stable().by_outcome ==
        Charges{{"gateway_error", stats::RaceAllowance::burst}, {"ok", rounds}, {"reset", 4}});
}

TEST_CASE("A version that dies in the middle of a body that it has begun to read is charged") {
  const bool by_reset = GENERATE(false, true);
  CAPTURE(by_reset);
  std::atomic<bool> part_is_read = false;
  Upstream upstream([&](Peer& peer) {
    peer.request();
    peer.wire.send(ok("first"));
    peer.request_head();
    peer.wire.receive_at_least(4);
    part_is_read = true;
    if (by_reset) peer.wire.reset();
  });
  RunningWorker gateway(one_model(upstream.port));
  const int rounds = stats::RaceAllowance::burst + 2;
  for (int i = 0; i < rounds; ++i) {
    Client client(gateway.port);
    REQUIRE(client.ask(get("/first")).body == "first");
    part_is_read = false;
    client.send("POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 1000000\r\n\r\npart");
    REQUIRE(gateway.eventually([&] { return part_is_read.load(); }));
    client.send(std::string(1000, 'x'));
    CHECK(read_message(client).status() == 502);
  }
  CHECK(gateway.stable().by_outcome ==
        Charges{{"gateway_error", stats::RaceAllowance::burst}, {"ok", rounds}, {"reset", 2}});
}

TEST_CASE("What stable answers excuses none of the canary's deaths") {
  Upstream stable(always(ok("stable")));
  Upstream canary([](Peer& peer) {
    peer.request();
    peer.wire.send(ok("first"));
    peer.request();
  });
  RunningWorker gateway(one_model(stable.port, canary.port), base::full_weight);
  const int burst = stats::RaceAllowance::burst;
  for (int i = 0; i < burst; ++i) ask_twice(gateway, post("/", "body"));
  CHECK(gateway.canary().by_outcome == Charges{{"gateway_error", burst}, {"ok", burst}});
  gateway.install(0);
  Client client(gateway.port);
  for (std::uint32_t i = 0; i < 2 * stats::RaceAllowance::requests_per_excuse; ++i)
    REQUIRE(client.ask(get("/")).body == "stable");
  gateway.install(base::full_weight);
  ask_twice(gateway, post("/", "body"));
  CHECK(gateway.canary().by_outcome ==
        Charges{{"gateway_error", burst}, {"ok", burst + 1}, {"reset", 1}});
}

TEST_CASE("With retry_reused_post a POST is repeated, once") {
  Upstream upstream(dies_when_reused());
  config::Config config = one_model(upstream.port);
  config.models[0].upstream.retry_reused_post = true;
  RunningWorker gateway(config);
  CHECK(ask_twice(gateway, post("/", "body")).status() == 200);
  CHECK(upstream.seen().size() == 3);
  CHECK(upstream.seen()[2].body == "body");
}

TEST_CASE("A second death, on the fresh connection, is the version's own") {
  Upstream upstream([](Peer& peer) {
    peer.request();
    if (peer.index > 0) return;
    peer.wire.send(ok("first"));
    peer.request();
  });
  RunningWorker gateway(one_model(upstream.port));
  CHECK(ask_twice(gateway, get("/second")).status() == 502);
  CHECK(upstream.seen().size() == 3);
  CHECK(gateway.stable().by_code == Charges{{"ok 200", 1}, {"reset 0", 1}});
}

TEST_CASE("Stable answers for a canary that cannot be reached; only the canary is charged") {
  Upstream stable(always(ok("stable")));
  const RefusingPort refusing;
  const FullListener full;
  const bool refused = GENERATE(true, false);
  const std::string charge = refused ? "connect_error 0" : "timeout_connect 0";
  config::Config config = one_model(stable.port, refused ? refusing.port : full.port);
  config.models[0].timeouts.connect = soon;
  RunningWorker gateway(config, 10000);
  const Message answer = Client(gateway.port).ask(post("/", "body"));
  CHECK(answer.body == "stable");
  CHECK(answer.field("X-Model-Version") == "m_v1");
  CHECK(stable.seen()[0].body == "body");
  CHECK(gateway.canary().by_code == Charges{{charge, 1}});
  CHECK(gateway.canary().failovers == 1);
  CHECK(gateway.canary().errors == 1);
  CHECK(gateway.canary().in_flight() == 0);
  CHECK(gateway.stable().charges() == 0);
  CHECK(gateway.stable().started == 1);
  CHECK(gateway.stable().in_flight() == 0);
}

TEST_CASE("Where stable refuses too, or failover is off, the client gets the 502") {
  const RefusingPort stable, canary;
  const bool failover = GENERATE(true, false);
  config::Config config = one_model(stable.port, canary.port);
  config.models[0].failover = failover;
  RunningWorker gateway(config, 10000);
  CHECK(Client(gateway.port).ask(get("/")).status() == 502);
  CHECK(gateway.canary().by_code == Charges{{"connect_error 0", 1}});
  CHECK(gateway.canary().failovers == (failover ? 1 : 0));
  CHECK(gateway.stable().charges() == 0);
  CHECK(gateway.canary().in_flight() + gateway.stable().in_flight() == 0);
}

TEST_CASE("Failover spreads over all of stable's endpoints") {
  Upstream one(always(ok("one"))), two(always(ok("two")));
  const RefusingPort refusing;
  config::Config config = one_model(one.port, refusing.port);
  config.models[0].stable.endpoints.push_back({"127.0.0.1", two.port});
  RunningWorker gateway(config, 10000);
  Client client(gateway.port);
  for (int i = 0; i < 64; ++i) REQUIRE(client.ask(get("/")).status() == 200);
  CHECK(one.seen().size() > 0);
  CHECK(two.seen().size() > 0);
}

TEST_CASE("A dead endpoint among several is passed over") {
  Upstream alive(always(ok("alive")));
  const RefusingPort dead;
  config::Config config = one_model(dead.port);
  config.models[0].stable.endpoints.push_back({"127.0.0.1", alive.port});
  RunningWorker gateway(config);
  Client client(gateway.port);
  for (int i = 0; i < 16; ++i) REQUIRE(client.ask(get("/")).body == "alive");
  CHECK(gateway.stable().by_code == Charges{{"ok 200", 16}});
}

TEST_CASE("A request that still connects to the canary when weight 0 is installed goes to stable") {
  Upstream stable(always(ok("stable")));
  FullListener canary;
  config::Config config = one_model(stable.port, canary.port);
  RunningWorker gateway(config, 10000);
  Client client(gateway.port);
  client.send(get("/"));
  REQUIRE(gateway.eventually([&] { return gateway.canary().in_flight() == 1; }));
  gateway.install(0);
  Wire let_in(canary.let_in());
  CHECK(read_message(client).body == "stable");
  CHECK(gateway.canary().charges() == 0);
  CHECK(gateway.canary().in_flight() == 0);
  CHECK(gateway.stable().by_code == Charges{{"ok 200", 1}});
  CHECK(gateway.stable().in_flight() == 0);
  gateway.ask([](Worker& worker) { worker.wires().upstreams().clear(); });
  CHECK(let_in.receive_all().empty());  // its connection was made, and never used
}

TEST_CASE("After weight 0 is installed no second endpoint of the canary is tried either") {
  Upstream stable(always(ok("stable"))), alive(always(ok("canary")));
  FullListener dead;
  config::Config config = one_model(stable.port, alive.port);
  config.models[0].timeouts.connect = soon;
  RunningWorker gateway(config, 10000);
  Client(gateway.port).ask(get("/"));  // leaves an idle connection to the endpoint that lives
  gateway.config.models[0].canary->endpoints.push_back({"127.0.0.1", dead.port});
  gateway.install(10000);
  const traffic::EndpointId alive_id = gateway.table(0)->models[0].canary->endpoints[0].id;
  Client client(gateway.port);
  // Which endpoint is tried first is drawn: until it is the dead one.
  bool waits = false;
  for (std::uint64_t asked = 2; !waits && asked < 100; ++asked) {
    client.send(get("/"));
    REQUIRE(gateway.eventually([&] { return gateway.canary().started == asked; }));
    waits = has_idle(gateway, alive_id) && gateway.canary().in_flight() == 1;
    if (!waits) REQUIRE(read_message(client).body == "canary");
  }
  REQUIRE(waits);
  const std::size_t before = alive.seen().size();
  gateway.install(0);
  CHECK(read_message(client).body == "stable");
  CHECK(alive.seen().size() == before);
}

TEST_CASE("A model that is gone when its connection is made is a 404, charged to nobody") {
  FullListener listener;
  config::Config config = one_model(listener.port);
  RunningWorker gateway(config);
  Client client(gateway.port);
  client.send(get("/"));
  REQUIRE(gateway.eventually([&] { return gateway.stable().in_flight() == 1; }));
  gateway.config.models[0].match[0].path_prefix = "/elsewhere";
  gateway.install(0);
  Wire let_in(listener.let_in());
  CHECK(read_message(client).status() == 404);
  CHECK(gateway.stable().charges() == 0);
  CHECK(gateway.stable().in_flight() == 0);
}

TEST_CASE("A table that comes during a failover does not lose the request") {
  FullListener stable;
  const RefusingPort canary;
  config::Config config = one_model(stable.port, canary.port);
  RunningWorker gateway(config, 10000);
  Client client(gateway.port);
  client.send(get("/"));
  REQUIRE(gateway.eventually([&] { return gateway.stable().in_flight() == 1; }));
  gateway.install(0);
  gateway.install(5000);
  Wire let_in(stable.let_in());
  Message request;
  REQUIRE(read_head(let_in, request));
  let_in.send(ok("stable"));
  CHECK(read_message(client).body == "stable");
  CHECK(gateway.canary().by_code == Charges{{"connect_error 0", 1}});
  CHECK(gateway.stable().charges() == 0);
  CHECK(gateway.stable().in_flight() + gateway.canary().in_flight() == 0);
}

}  // namespace canary::proxy

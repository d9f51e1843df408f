// The process is stopped for a while: what came meanwhile was not late, and nobody's fault.
#include <catch2/catch.hpp>

#include "support/jumping_clock.hpp"
#include "support/running_worker.hpp"
#include "support/streaming.hpp"

namespace canary::proxy {
namespace {

using namespace test;
using Outcomes = std::map<std::string, std::uint64_t>;

/// Every timeout is a minute, the SLO half of one. Without a jump no test comes near them.
config::Config patient(std::uint16_t port) {
  config::Config config = one_model(port);
  config.models[0].slo = config::Slo{30s, config::Slo::Of::total};
  config.models[0].timeouts.total = 2 * never;
  return config;
}

}  // namespace

TEST_CASE("A pause makes nothing late that was waited for: no timeout, no latency, no charge") {
  const std::string request =
      GENERATE(std::string(get("/")),
               std::string("POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 4\r\n\r\nbo"));
  const bool answer_begun = GENERATE(false, true);
  CAPTURE(request, answer_begun);
  Gate answer;
  Upstream upstream([&](Peer& peer) {
    peer.request_head();
    if (answer_begun) peer.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    answer.wait();
    if (request.starts_with("POST")) peer.wire.receive_at_least(4);
    peer.wire.send(answer_begun ? "late" : ok("late"));
    peer.wire.receive_all();
  });
  JumpingClock clock;
  RunningWorker gateway(patient(upstream.port), 0, clock);
  Client client(gateway.port);
  client.send(request);
  REQUIRE(upstream.saw(1));
  Message head;
  if (answer_begun) REQUIRE(read_head(client, head));
  for (int i = 0; i < 3; ++i) {
    clock.jump(1h);
    REQUIRE(gateway.let_pass(2 * reactor::TimerWheel::tick));
  }
  CHECK(gateway.stable().charges() == 0);
  CHECK(gateway.stable().over_slo == 0);
  if (request.starts_with("POST")) client.send("dy");
  answer.open();
  if (answer_begun)
    read_body(client, head, Kind::response);
  else
    head = read_message(client);
  CHECK(head.body == "late");
  REQUIRE(gateway.eventually([&] { return gateway.stable().charges() == 1; }));
  CHECK(gateway.stable().by_code == Outcomes{{"ok 200", 1}});
  CHECK(gateway.stable().over_slo == 0);
  CHECK(gateway.stable().samples == 1);
}

TEST_CASE("A pause ends no head that is on its way, no tunnel, and no connect") {
  FullListener listener;
  Upstream upstream([](Peer& peer) {
    peer.request_head();
    peer.wire.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw/1\r\n\r\n");
    while (peer.wire.receive()) peer.wire.send(std::exchange(peer.wire.received, {}));
  });
  JumpingClock clock;
  RunningWorker gateway(patient(upstream.port), 0, clock);
  RunningWorker cut_off(patient(listener.port), 0, clock);
  Client tunnel(gateway.port), begun(gateway.port), connecting(cut_off.port);
  tunnel.send(get("/", "Connection: Upgrade\r\nUpgrade: raw/1\r\n"));
  Message head;
  REQUIRE(read_head(tunnel, head));
  begun.send("GET /internal/no");
  connecting.send(get("/"));
  REQUIRE(cut_off.eventually([&] { return cut_off.stable().started == 1; }));
  clock.jump(1h);
  REQUIRE(gateway.let_pass(2 * reactor::TimerWheel::tick));
  REQUIRE(cut_off.let_pass(2 * reactor::TimerWheel::tick));
  tunnel.send("still");
  CHECK(tunnel.receive_at_least(5));
  CHECK(begun.ask("thing HTTP/1.1\r\nHost: gw\r\n\r\n").status() == 404);
  CHECK(cut_off.stable().charges() == 0);
}

TEST_CASE("A server that loses patience with a paused gateway is not charged; a later one is") {
  const bool after_pause = GENERATE(true, false);
  const bool answer_begun = GENERATE(false, true);
  CAPTURE(after_pause, answer_begun);
  Gate dies;
  Upstream upstream([&](Peer& peer) {
    peer.request();
    if (answer_begun) peer.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
    dies.wait();
    peer.wire.reset();
  });
  JumpingClock clock;
  RunningWorker gateway(patient(upstream.port), 0, clock);
  if (!after_pause) clock.jump(1h);
  REQUIRE(gateway.let_pass(1ms));
  Client client(gateway.port);
  client.send(get("/"));
  REQUIRE(upstream.saw(1));
  if (after_pause) clock.jump(1h);
  REQUIRE(gateway.let_pass(1ms));
  dies.open();
  CHECK(read_message(client).whole != answer_begun);
  REQUIRE(gateway.eventually([&] { return gateway.stable().charges() == 1; }));
  const std::string outcome = after_pause ? "gateway_error" : answer_begun ? "truncated" : "reset";
  CHECK(gateway.stable().by_outcome == Outcomes{{outcome, 1}});
  CHECK(gateway.stable().errors == (after_pause ? 0 : 1));
}

TEST_CASE("An idle connection ages while the process is stopped: its server did not stop") {
  Upstream upstream(always(ok("fine")));
  JumpingClock clock;
  RunningWorker gateway(one_model(upstream.port), 0, clock);
  Client client(gateway.port);
  for (int i = 0; i < 2; ++i) CHECK(client.ask(get("/")).body == "fine");
  CHECK(upstream.connections() == 1);
  clock.jump(1min);
  CHECK(client.ask(get("/")).body == "fine");
  CHECK(upstream.connections() == 2);
}

}  // namespace canary::proxy

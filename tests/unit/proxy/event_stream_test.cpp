// Event streams: passed on as they come, judged by their first event, silent for as long as
// allowed.
#include <catch2/catch.hpp>

#include "support/running_worker.hpp"

namespace canary::proxy {
namespace {

using namespace test;
using Outcomes = std::map<std::string, std::uint64_t>;

const std::string events =
    "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n"
    "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n";

}  // namespace

TEST_CASE("Each piece of a stream arrives before the next is sent, whatever ends the stream") {
  const bool in_chunks = GENERATE(true, false);
  Gate next[3];
  Upstream upstream([&](Peer& peer) {
    peer.request();
    peer.wire.send(events + (in_chunks ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n"));
    for (Gate& gate : next) {
      gate.wait();
      peer.wire.send(in_chunks ? "6\r\ndata\n\n\r\n" : "data\n\n");
    }
    if (in_chunks) peer.wire.send("0\r\n\r\n");
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  client.send(get("/"));
  Message head;
  REQUIRE(read_head(client, head));
  CHECK(head.field("Cache-Control") == "no-cache");
  CHECK(head.field("X-Accel-Buffering") == "no");
  CHECK(head.field("Content-Type") == "Text/Event-Stream; charset=utf-8");
  for (Gate& gate : next) {
    gate.open();
    REQUIRE(client.receive_at_least(11));
    CHECK(client.received.substr(0, 11) == "6\r\ndata\n\n\r\n");
    client.received.erase(0, 11);
  }
  REQUIRE(client.receive_at_least(5));
  CHECK(client.received == "0\r\n\r\n");
  CHECK(gateway.stable().by_code == Outcomes{{"ok 200", 1}});
}

TEST_CASE("Comments keep a stream alive but are not its first byte") {
  Gate speak;
  Upstream upstream([&](Peer& peer) {
    peer.request();
    peer.wire.send(events + "\r\n: keep-alive\n\n: keep-");
    speak.wait();
    peer.wire.send("alive\n\ndata: x\n\n");
  });
  config::Config config = one_model(upstream.port);
  config.models[0].slo = config::Slo{50ms, config::Slo::Of::total};
  RunningWorker gateway(config);
  Client client(gateway.port);
  client.send(get("/"));
  Message answer;
  REQUIRE(read_head(client, answer));
  REQUIRE(client.receive_at_least(20));
  // It waits for its first event, and counts as slow while it does.
  REQUIRE(gateway.eventually([&] { return gateway.stable().over_trigger == 1; }));
  speak.open();
  read_body(client, answer, Kind::response);
  CHECK(answer.body == ": keep-alive\n\n: keep-alive\n\ndata: x\n\n");
  CHECK(gateway.stable().samples == 1);
  CHECK(gateway.stable().over_slo == 1);
}

TEST_CASE("Silence before the first event is bounded by first_byte, after it by idle") {
  Gate speak;
  Upstream upstream([&](Peer& peer) {
    peer.request();
    peer.wire.send(events + "\r\n: thinking\n\n");
    speak.wait();
    peer.wire.send("data: x\n\n");
    peer.wire.receive_all();
  });
  config::Config config = one_model(upstream.port);
  config.models[0].timeouts.idle = soon;
  RunningWorker gateway(config);
  Client client(gateway.port);
  client.send(get("/"));
  Message answer;
  REQUIRE(read_head(client, answer));
  REQUIRE(client.receive_at_least(17));
  REQUIRE(gateway.let_pass(3 * soon));
  CHECK(gateway.stable().charges() == 0);
  speak.open();
  read_body(client, answer, Kind::response);
  CHECK(answer.body == ": thinking\n\ndata: x\n\n");
  CHECK_FALSE(answer.whole);
  CHECK(gateway.stable().by_code == Outcomes{{"timeout_idle 200", 1}});
}

TEST_CASE("A stream that never begins is ended by first_byte, or by idle where that is longer") {
  const bool comments_go_on = GENERATE(false, true);
  Upstream upstream([&](Peer& peer) {
    peer.request();
    peer.wire.send(events + "\r\n");
    while (peer.wire.send(": thinking\n\n") && comments_go_on) std::this_thread::yield();
    peer.wire.receive_all();
  });
  config::Config config = one_model(upstream.port);
  config.models[0].timeouts.first_byte = soon;
  config.models[0].timeouts.idle = comments_go_on ? never : base::Duration(10ms);
  RunningWorker gateway(config);
  Client client(gateway.port);
  client.send(get("/"));
  Message answer;
  REQUIRE(read_head(client, answer));
  if (comments_go_on) {
    REQUIRE(gateway.let_pass(3 * soon));
    CHECK(gateway.stable().charges() == 0);  // whoever comments is alive
    client.close();
    REQUIRE(gateway.eventually([&] { return gateway.stable().charges() == 1; }));
    CHECK(gateway.stable().by_code == Outcomes{{"client_abort 200", 1}});
    return;
  }
  read_body(client, answer, Kind::response);
  CHECK_FALSE(answer.whole);
  CHECK(gateway.stable().by_code == Outcomes{{"timeout_first_byte 200", 1}});
}

TEST_CASE("The answer to HEAD, or one without a body, has no first event to wait for") {
  const auto [request, answer, status, samples] =
      GENERATE(table<std::string, std::string, int, std::uint64_t>(
          {{"HEAD / HTTP/1.1\r\nHost: gw\r\n\r\n", events + "\r\n", 200, 0},
           {get("/"), "HTTP/1.1 204 No\r\nContent-Type: text/event-stream\r\n\r\n", 204, 1}}));
  Upstream upstream(always(answer));
  config::Config config = one_model(upstream.port);
  config.models[0].slo = config::Slo{never, config::Slo::Of::first_byte};
  RunningWorker gateway(config);
  CHECK(Client(gateway.port).ask(request, Kind::response_to_head).status() == status);
  CHECK(gateway.stable().charges() == 1);
  CHECK(gateway.stable().samples == samples);
}

}  // namespace canary::proxy

// After 101: a tunnel of raw bytes, and how it ends.
#include <catch2/catch.hpp>

#include "support/running_worker.hpp"
#include "support/streaming.hpp"

namespace canary::proxy {
namespace {

using namespace test;
using Outcomes = std::map<std::string, std::uint64_t>;

const std::string asks = "Connection: Upgrade\r\nUpgrade: raw/1\r\n";
const std::string switches =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw/1\r\n\r\n";

/// Switches, then runs `talk` at the upstream's end of the tunnel.
Upstream::Script tunnel_to(std::function<void(Wire&)> talk) {
  return [talk = std::move(talk)](Peer& peer) {
    if (peer.request_head().head.empty()) return;
    peer.wire.send(switches);
    talk(peer.wire);
  };
}
void echo(Wire& wire) {
  while (!wire.received.empty() || wire.receive()) {
    if (!wire.send(wire.received)) return;
    wire.received.clear();
  }
  wire.half_close();
}

/// A client at the open end of a tunnel.
struct TunnelClient : Client {
  explicit TunnelClient(RunningWorker& gateway, std::string_view early = {}, int buffer = 0)
      : Client(gateway.port, buffer) {
    send(get("/", asks) + std::string(early));
    do {
      REQUIRE(read_head(*this, head));
    } while (head.status() == 103);
    REQUIRE(head.status() == 101);
  }
  Message head;
};

bool ends_as(RunningWorker& gateway, const Outcomes& by_code) {
  return gateway.eventually([&] { return gateway.stable().charges() > 0; }) &&
         gateway.stable().by_code == by_code && gateway.stable().in_flight() == 0;
}

}  // namespace

TEST_CASE("Early bytes wait for the 101, and are then the tunnel's first") {
  std::string behind_head;
  Gate noted;
  Upstream upstream([&](Peer& peer) {
    peer.request_head();
    behind_head = peer.wire.received;
    peer.wire.send("HTTP/1.1 103 Early Hints\r\n\r\n" + switches + "first");
    noted.open();
    echo(peer.wire);
  });
  RunningWorker gateway(one_model(upstream.port));
  TunnelClient client(gateway, std::string("GET /\r\n\0\xff early", 15));
  REQUIRE(noted.wait());
  CHECK(behind_head == "");
  CHECK(upstream.seen()[0].field("Connection") == "upgrade");
  CHECK(upstream.seen()[0].field("Upgrade") == "raw/1");
  CHECK(client.head.field("Connection") == "upgrade");
  CHECK(client.head.field("Upgrade") == "raw/1");
  CHECK(client.head.field("X-Model-Version") == "m_v1");
  CHECK(client.head.field("X-Request-Id") != "(none)");
  client.half_close();
  CHECK(client.receive_all() == std::string("firstGET /\r\n\0\xff early", 20));
  CHECK(ends_as(gateway, {{"ok 101", 1}}));
  CHECK(gateway.stable().received == 15);
  CHECK(gateway.stable().sent == 20);
}

TEST_CASE("A tunnel carries what is sent at both ends at once, whole, to slow readers too") {
  constexpr std::size_t large = 8 << 20;
  const std::string up = pattern(large, 1), down = pattern(large, 2);
  std::string arrived;
  Gate all;
  Upstream upstream(tunnel_to([&](Wire& wire) {
    const Sending sending(wire, down);
    while (wire.received.size() < large && wire.receive(1500)) {
    }
    arrived = wire.received;
    all.open();
    wire.receive_all();
  }));
  RunningWorker gateway(one_model(upstream.port));
  TunnelClient client(gateway, {}, 8192);
  {
    const Sending sending(client, up);
    CHECK(client.receive_at_least(large));
  }
  CHECK((client.received == down));
  client.close();
  CHECK(ends_as(gateway, {{"ok 101", 1}}));
  REQUIRE(all.wait());
  CHECK((arrived == up));
  CHECK(gateway.stable().received == large);
  CHECK(gateway.stable().sent == large);
}

TEST_CASE("The end of one side's bytes is passed on, and the other side still speaks") {
  const bool client_first = GENERATE(true, false);
  std::string arrived;
  Gate all;
  Upstream upstream(tunnel_to([&](Wire& wire) {
    if (!client_first) {
      wire.send("last");
      wire.half_close();
    }
    arrived = wire.receive_all();
    if (client_first) wire.send("answer");
    all.open();
  }));
  RunningWorker gateway(one_model(upstream.port));
  TunnelClient client(gateway);
  if (client_first) {
    client.send("last");
    client.half_close();
    CHECK(client.receive_all() == "answer");
  } else {
    CHECK(client.receive_all() == "last");
    client.send("answer");
    client.half_close();
  }
  CHECK_FALSE(client.was_reset);
  CHECK(all.wait());
  CHECK(arrived == (client_first ? "last" : "answer"));
  CHECK(ends_as(gateway, {{"ok 101", 1}}));
}

TEST_CASE("An upstream that closes for good ends the tunnel, whatever the client still says") {
  Gate closed;
  Upstream upstream([&](Peer& peer) {
    peer.request_head();
    peer.wire.send(switches + "bye");
    peer.wire.close();
    closed.open();
  });
  RunningWorker gateway(one_model(upstream.port));
  TunnelClient client(gateway);
  REQUIRE(closed.wait());
  CHECK(client.receive_at_least(3));
  // The first bytes meet a closed connection, the next ones know it.
  for (int i = 0; i < 1000 && gateway.stable().charges() == 0; ++i) client.send("more");
  client.half_close();
  CHECK(client.receive_all() == "bye");
  CHECK(ends_as(gateway, {{"ok 101", 1}}));
}

TEST_CASE("A broken connection is passed on as one, and the version is charged for its own") {
  const bool client_breaks = GENERATE(true, false);
  Gate broken;
  bool upstream_saw_reset = false;
  Upstream upstream(tunnel_to([&](Wire& wire) {
    wire.receive_at_least(5);
    if (!client_breaks) return wire.reset();
    wire.send("world");
    wire.receive_all();
    upstream_saw_reset = wire.was_reset;
    broken.open();
  }));
  RunningWorker gateway(one_model(upstream.port));
  TunnelClient client(gateway);
  client.send("hello");
  if (client_breaks) {
    CHECK(client.receive_at_least(5));
    client.reset();
    REQUIRE(broken.wait());
    CHECK(upstream_saw_reset);
    CHECK(ends_as(gateway, {{"client_abort 101", 1}}));
    CHECK(gateway.stable().evidence == 0);
  } else {
    client.receive_all();
    CHECK(client.was_reset);
    CHECK(ends_as(gateway, {{"truncated 101", 1}}));
    CHECK(gateway.stable().errors == 1);
  }
}

TEST_CASE("A reset by the upstream is the client's doing when the tunnel was at its end") {
  const std::string close_frame = "\x88\x02\x03\xe8";
  const std::string masked_close("\x88\x82\0\0\0\0\x03\xe8", 8);
  struct Row {
    const char* name;
    std::string up, down;
    const char* ends_as;
  };
  const Row row = GENERATE_COPY(
      Row{"bytes behind the client's Close", masked_close + "junk", "", "client_abort 101"},
      Row{"bytes behind both", masked_close + "junk", close_frame, "ok 101"},
      Row{"bytes that cross the server's Close", "\x81\x80zzzzjunk", close_frame,
          "client_abort 101"},
      Row{"bytes and no Close", "\x81\x80zzzzjunk", "\x81\x01x", "truncated 101"});
  CAPTURE(row.name);
  Gate talked;
  Upstream upstream([&](Peer& peer) {
    peer.request_head();
    peer.wire.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n");
    talked.wait();
    peer.wire.receive(1);  // not all of it: closing resets the connection
    peer.wire.send(row.down);
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  client.send(get("/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  Message head;
  REQUIRE(read_head(client, head));
  REQUIRE(head.status() == 101);
  client.send(row.up);
  REQUIRE(gateway.eventually([&] { return gateway.ask([](Worker&) { return true; }); }));
  talked.open();
  client.receive_all();
  CHECK(client.received == row.down);
  CHECK(client.was_reset == (std::string(row.ends_as) == "truncated 101"));
  CHECK(ends_as(gateway, {{row.ends_as, 1}}));
  CHECK(gateway.stable().errors == (client.was_reset ? 1 : 0));
}

TEST_CASE("A reset by the upstream is the client's doing when it was the one waited for") {
  struct Row {
    const char* name;
    bool stops_reading, ends_its_side, has_spoken_last;
    base::Duration silence;
    const char* ends_as;
  };
  const Row row =
      GENERATE(Row{"reads nothing", true, false, false, 500ms, "client_abort 101"},
               Row{"has ended its side", false, true, false, 0ms, "client_abort 101"},
               Row{"is silent in its turn", false, false, false, 300ms, "client_abort 101"},
               Row{"had just been answered", false, false, false, 0ms, "truncated 101"},
               Row{"waits for an answer", false, false, true, 300ms, "truncated 101"});
  CAPTURE(row.name);
  Gate breaks, ready;
  Upstream upstream(tunnel_to([&](Wire& wire) {
    wire.receive_at_least(5);
    if (!row.has_spoken_last) wire.send("world");
    const timeval limit{0, 100'000};
    ::setsockopt(wire.fd(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    while (row.stops_reading && wire.send(std::string(1 << 16, 'x'))) {
    }
    if (row.ends_its_side) wire.receive_all();
    ready.open();
    breaks.wait();
    wire.reset();
  }));
  RunningWorker gateway(one_model(upstream.port));
  TunnelClient client(gateway, {}, row.stops_reading ? 4096 : 0);
  client.send("hello");
  if (row.ends_its_side) client.half_close();
  if (!row.stops_reading && !row.has_spoken_last) REQUIRE(client.receive_at_least(5));
  REQUIRE(ready.wait());
  if (row.silence > 0ms) REQUIRE(gateway.let_pass(row.silence));
  breaks.open();
  client.receive_all();
  CHECK(ends_as(gateway, {{row.ends_as, 1}}));
  CHECK(gateway.stable().errors == (std::string(row.ends_as) == "truncated 101" ? 1 : 0));
}

TEST_CASE("An upstream that has ended in order may reset what the client still sends") {
  Gate done;
  Upstream upstream(tunnel_to([&](Wire& wire) {
    wire.send("bye");
    wire.half_close();
    done.wait();
    wire.reset();
  }));
  RunningWorker gateway(one_model(upstream.port));
  TunnelClient client(gateway);
  CHECK(client.receive_all() == "bye");
  client.send("more");
  done.open();
  for (int i = 0; i < 1000 && gateway.stable().charges() == 0; ++i) client.send("more");
  client.half_close();
  CHECK(ends_as(gateway, {{"ok 101", 1}}));
}

TEST_CASE("What is not a 101 is an ordinary answer, and early bytes are the next request") {
  Upstream upstream([](Peer& peer) {
    for (Message request; !(request = peer.request()).head.empty();)
      peer.wire.send(ok(request.start_line()));
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  CHECK(client.ask(get("/1", asks) + post("/2", "body", asks) + get("/3")).body ==
        "GET /1 HTTP/1.1");
  CHECK(read_message(client).body == "POST /2 HTTP/1.1");
  CHECK(read_message(client).body == "GET /3 HTTP/1.1");
  CHECK(upstream.connections() == 1);
  const auto seen = upstream.seen();
  REQUIRE(seen.size() == 3);
  CHECK(seen[0].field("Upgrade") == "raw/1");
  CHECK(seen[1].field("Upgrade") == "(none)");  // a request with content is not one to switch
  CHECK(seen[1].body == "body");
  CHECK(gateway.stable().by_code == Outcomes{{"ok 200", 3}});
}

TEST_CASE("A 101 that was not asked for, or for something else, is a broken answer") {
  const std::string head = "HTTP/1.1 101 Switching Protocols\r\n";
  const auto [request, answer] = GENERATE_COPY(table<std::string, std::string>(
      {{get("/"), switches},
       {get("/", "Upgrade: raw/1\r\n"), switches},
       {"GET / HTTP/1.0\r\nConnection: keep-alive, upgrade\r\nUpgrade: raw/1\r\n\r\n", switches},
       {post("/", "x", asks), switches},
       {get("/", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
        head + "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"},
       {get("/", asks), head + "Connection: Upgrade\r\nUpgrade: raw/2\r\n\r\n"},
       {get("/", asks), head + "Connection: Upgrade\r\n\r\n"},
       {get("/", asks), head + "Upgrade: raw/1\r\n\r\n"},
       {get("/", asks), head + "\r\n"}}));
  CAPTURE(request, answer);
  Gate closed;
  Upstream upstream([&, answer = answer](Peer& peer) {
    peer.request();
    peer.wire.send(answer + "GET /smuggled HTTP/1.1\r\n\r\n");
    peer.wire.receive_all();
    closed.open();
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  const Message refused = client.ask(request);
  CHECK(refused.status() == 502);
  CHECK(refused.body.find("upstream_bad_response") != std::string::npos);
  CHECK(closed.wait());
  CHECK(ends_as(gateway, {{"bad_output 0", 1}}));
  CHECK(client.ask(get("/internal/nothing")).status() == 404);  // the connection goes on
}

TEST_CASE("A limit ends a tunnel, is named, and is no error unless the upstream took no bytes") {
  struct Row {
    const char* name;
    bool total, client_stuck, upstream_stuck;
    const char* outcome;
    std::uint64_t errors;
  };
  const Row row =
      GENERATE(Row{"idle", false, false, false, "timeout_idle 101", 0},
               Row{"total", true, false, false, "timeout_total 101", 0},
               Row{"a client that reads nothing", false, true, false, "client_abort 101", 0},
               Row{"an upstream that reads nothing", false, false, true, "timeout_idle 101", 1});
  CAPTURE(row.name);
  Gate over, ended;
  bool upstream_saw_reset = false;
  Upstream upstream(tunnel_to([&](Wire& wire) {
    const std::string piece(1 << 16, 'x');
    while (row.client_stuck && wire.send(piece)) {
    }
    if (row.upstream_stuck) over.wait();
    if (row.total) echo(wire);
    wire.receive_all();
    upstream_saw_reset = wire.was_reset;
    ended.open();
  }));
  config::Config config = one_model(upstream.port);
  (row.total ? config.models[0].timeouts.total : config.models[0].timeouts.idle) = soon;
  RunningWorker gateway(config);
  TunnelClient client(gateway, {}, 4096);
  const std::string piece(1 << 16, 'x');
  while (row.upstream_stuck && client.send(piece)) {
  }
  // While bytes pass, only the total counts.
  while (row.total && client.send("x") && client.receive()) {
  }
  CHECK(ends_as(gateway, {{row.outcome, 1}}));
  over.open();
  CHECK(gateway.stable().errors == row.errors);
  CHECK(gateway.stable().evidence == (row.client_stuck ? 0 : 1));
  client.receive_all();
  CHECK((client.was_reset || row.upstream_stuck || row.total));  // else a send has met the reset
  CHECK(ended.wait());
  CHECK((upstream_saw_reset || row.client_stuck || row.total));
}

TEST_CASE("A tunnel is in flight and on its version until it ends, and judged by its 101") {
  Upstream stable(always(ok("stable"))), canary(tunnel_to(echo));
  config::Config config = one_model(stable.port, canary.port);
  config.models[0].slo = config::Slo{soon, config::Slo::Of::total};
  RunningWorker gateway(config, 10000);
  TunnelClient client(gateway);
  CHECK(client.head.field("X-Model-Version") == "m_v2");
  gateway.install(0);
  CHECK(Client(gateway.port).ask(get("/")).body == "stable");
  CHECK(gateway.canary().in_flight() == 1);
  REQUIRE(gateway.let_pass(2 * soon));
  client.send("still v2");
  CHECK(client.receive_at_least(8));
  CHECK(client.received == "still v2");
  client.half_close();
  CHECK(client.receive_all() == "still v2");
  REQUIRE(gateway.eventually([&] { return gateway.canary().in_flight() == 0; }));
  CHECK(gateway.canary().by_code == Outcomes{{"ok 101", 1}});
  CHECK(gateway.canary().samples == 1);
  CHECK(gateway.canary().over_slo == 0);
}

TEST_CASE("Stable opens the tunnel when the canary cannot be reached, which is charged alone") {
  Upstream stable(tunnel_to(echo));
  const RefusingPort canary;
  RunningWorker gateway(one_model(stable.port, canary.port), 10000);
  TunnelClient client(gateway);
  CHECK(client.head.field("X-Model-Version") == "m_v1");
  CHECK(gateway.stable().in_flight() == 1);
  CHECK(gateway.canary().in_flight() == 0);
  client.half_close();
  client.receive_all();
  REQUIRE(gateway.eventually([&] { return gateway.stable().in_flight() == 0; }));
  CHECK(gateway.canary().by_code == Outcomes{{"connect_error 0", 1}});
  CHECK(gateway.stable().charges() == 0);
}

TEST_CASE("Tunnels outlive the beginning of a drain, and end with it") {
  Gate ended;
  Upstream upstream(tunnel_to([&](Wire& wire) {
    echo(wire);
    ended.open();
  }));
  RunningWorker gateway(one_model(upstream.port));
  TunnelClient client(gateway);
  gateway.ask([](Worker& worker) { worker.drain(); });
  client.send("on");
  CHECK(client.receive_at_least(2));
  gateway.ask([](Worker& worker) { worker.shut_down(); });
  client.receive_all();
  CHECK(client.received == "on");
  CHECK(client.was_reset);
  CHECK(ended.wait());
}

TEST_CASE("An upgrade that met a dying idle connection is tried again, with its early bytes") {
  Upstream upstream([&](Peer& peer) {
    if (peer.index == 0) {
      peer.request();
      peer.wire.send(ok("first"));
      peer.request_head();
      return;
    }
    peer.request_head();
    peer.wire.send(switches);
    echo(peer.wire);
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  CHECK(client.ask(get("/")).body == "first");
  client.send(get("/", asks) + "early");
  Message head;
  REQUIRE(read_head(client, head));
  CHECK(head.status() == 101);
  client.half_close();
  CHECK(client.receive_all() == "early");
  CHECK(upstream.connections() == 2);
}

}  // namespace canary::proxy

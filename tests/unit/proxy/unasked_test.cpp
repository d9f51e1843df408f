// Bytes of an upstream that no request asked for: they are nobody's answer, and what may still
// follow an answer meets no other request.
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <catch2/catch.hpp>
#include <optional>
#include <thread>

#include "reactor/tcp.hpp"
#include "support/running_worker.hpp"

namespace canary::proxy {
namespace {

using namespace test;

const std::string stray = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray";

std::uint64_t unasked(RunningWorker& gateway) {
  return gateway.ask([](Worker& worker) { return worker.counters().unasked.get(); });
}

int unacknowledged(const Wire& wire) {
  int bytes = 0;
  REQUIRE(::ioctl(wire.fd(), SIOCOUTQ, &bytes) == 0);
  return bytes;
}

/// Sends, and waits until it stands in the peer's kernel.
void put(Wire& wire, const std::string& bytes) {
  wire.send(bytes);
  while (unacknowledged(wire) > 0) std::this_thread::yield();
}

/// The server takes the gateway's connect and speaks, before the gateway can look.
void greet(RunningWorker& gateway, FullListener& server, std::optional<Wire>& connection,
           const std::string& greeting) {
  gateway.ask([&](Worker&) {
    connection.emplace(server.let_in());
    put(*connection, greeting);
  });
}

}  // namespace

TEST_CASE("A server that speaks before it is asked is not connected to") {
  const std::string greeting = GENERATE(std::string("220 ready\r\n"), std::string("x"), stray,
                                        std::string("HTTP/1.1 103 Early\r\n\r\n"));
  CAPTURE(greeting);
  FullListener server;
  std::optional<Wire> connection;
  RunningWorker gateway(one_model(server.port));
  Client client(gateway.port);
  client.send(get("/"));
  REQUIRE(gateway.eventually([&] { return gateway.stable().in_flight() == 1; }));
  greet(gateway, server, connection, greeting);
  const Message answer = read_message(client);
  CHECK(answer.status() == 502);
  CHECK(answer.body.find("upstream_bad_response") != std::string::npos);
  CHECK(gateway.stable().by_outcome == std::map<std::string, std::uint64_t>{{"bad_output", 1}});
  CHECK(unasked(gateway) == 1);
  CHECK(connection->receive_all().empty());
}

TEST_CASE("Stable answers for a canary that speaks before it is asked, which is charged") {
  Upstream stable(always(ok("stable")));
  FullListener canary;
  std::optional<Wire> connection;
  RunningWorker gateway(one_model(stable.port, canary.port), 10000);
  Client client(gateway.port);
  client.send(post("/", "x"));
  REQUIRE(gateway.eventually([&] { return gateway.canary().in_flight() == 1; }));
  greet(gateway, canary, connection, stray);
  CHECK(read_message(client).body == "stable");
  CHECK(gateway.canary().by_outcome == std::map<std::string, std::uint64_t>{{"bad_output", 1}});
  CHECK(gateway.canary().failovers == 1);
}

TEST_CASE("What comes on an idle connection after the events were told is seen before it is used") {
  Gate speak, spoken;
  Upstream upstream([&](Peer& peer) {
    if (peer.request().head.empty()) return;
    peer.wire.send(ok("own"));
    if (peer.index == 0) {
      speak.wait();
      put(peer.wire, stray);
      spoken.open();
    }
    while (!peer.request().head.empty()) peer.wire.send(ok("own"));
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  REQUIRE(client.ask(get("/")).body == "own");
  // One batch: first the call that lets the server speak, then the client's next request.
  gateway.ask([&](Worker& worker) {
    worker.reactor().inbox().post([&] {
      speak.open();
      spoken.wait();
    });
    client.send(get("/"));
  });
  CHECK(read_message(client).body == "own");
  CHECK(upstream.connections() == 2);
  CHECK(unasked(gateway) == 1);
}

TEST_CASE("After unasked bytes each request has a connection of its own, while they go on") {
  Upstream upstream([&](Peer& peer) {
    while (!peer.request().head.empty()) {
      peer.wire.send(ok("own"));
      peer.wire.send(stray);
    }
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  // Whenever the first of them comes: with the answer, behind it, or after the next request.
  for (int i = 0; unasked(gateway) == 0 && i < 1000; ++i) client.ask(get("/"));
  REQUIRE(unasked(gateway) > 0);
  const int before = upstream.connections();
  for (int i = 0; i < 5; ++i) CHECK(client.ask(get("/")).body == "own");
  CHECK(upstream.connections() == before + 5);
}

TEST_CASE("Who has spoken unasked is listened to before it is asked again") {
  // A greeting that comes when the request is sent already cannot be told from an answer.
  Gate answered;
  Upstream upstream([&](Peer& peer) {
    if (peer.index > 0) peer.wire.send(stray);
    while (!peer.request().head.empty()) {
      peer.wire.send(ok("own"));
      answered.wait();
      if (peer.index == 0) peer.wire.send(stray);
    }
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  REQUIRE(client.ask(get("/")).body == "own");
  answered.open();
  REQUIRE(gateway.eventually([&] { return unasked(gateway) == 1; }));
  const Message answer = client.ask(get("/"));
  CHECK(answer.status() == 502);
  CHECK(unasked(gateway) == 2);
  CHECK(upstream.seen().size() == 1);
}

TEST_CASE("Only an answer that says where it ends leaves its connection to the next request") {
  const auto [name, request, answer, kept] =
      GENERATE(table<std::string, std::string, std::string, bool>(
          {{"a length", get("/"), ok("x"), true},
           {"chunks", get("/"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            true},
           {"HEAD, nothing said", "HEAD / HTTP/1.1\r\nHost: gw\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
            false},
           {"HEAD, a length", "HEAD / HTTP/1.1\r\nHost: gw\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false},
           {"HEAD, chunks", "HEAD / HTTP/1.1\r\nHost: gw\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false},
           {"HEAD, no length", "HEAD / HTTP/1.1\r\nHost: gw\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false},
           {"204", get("/"), "HTTP/1.1 204 No Content\r\n\r\n", false},
           {"204, no length", get("/"), "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
            false},
           {"304", get("/"), "HTTP/1.1 304 Not Modified\r\n\r\n", false},
           {"304, a length", get("/"), "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            false}}));
  CAPTURE(name);
  Upstream upstream([&, answer = answer](Peer& peer) {
    while (!peer.request().head.empty())
      peer.wire.send(peer.upstream.seen().size() == 1 ? answer : ok("next"));
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  client.send(request);
  Message first;
  REQUIRE(read_head(client, first));
  if (request.starts_with("GET")) read_body(client, first, Kind::response);
  CHECK(client.ask(get("/")).body == "next");
  CHECK(upstream.connections() == (kept ? 1 : 2));
}

TEST_CASE("A connection whose server answered before the whole request had arrived is not reused") {
  Gate answered;
  Upstream upstream(
      [&](Peer& peer) {
        peer.request_head();
        if (peer.index == 0) {
          peer.wire.send(ok("early"));
          answered.wait();
        } else {
          peer.wire.send(ok("next"));
        }
        peer.wire.receive_all();
      },
      2048);  // the rest of the body stays in the gateway's kernel
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  CHECK(client.ask(post("/", std::string(32 << 10, 'x'))).body == "early");
  CHECK(Client(gateway.port).ask(get("/")).body == "next");
  CHECK(upstream.connections() == 2);
  answered.open();
}

}  // namespace canary::proxy

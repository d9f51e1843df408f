// What connections hold while they wait, in bytes of their worker's blocks.
#include <catch2/catch.hpp>

#include <list>

#include "support/running_worker.hpp"

namespace canary::proxy {
namespace {

using namespace test;

constexpr int count = 50;

std::size_t held(RunningWorker& gateway) {
  return gateway.ask([](Worker& worker) { return worker.buffers().in_use(); });
}

/// One more takes the worker's shared area, so that what the others hold is theirs.
bool answered(RunningWorker& gateway) { return Client(gateway.port).ask(get("/")).status() == 200; }

}  // namespace

TEST_CASE("A thousand half-sent heads hold what was sent of them, in however many pieces") {
  const auto [total, pieces] = GENERATE(table<std::size_t, std::size_t>(
      {{200, 1}, {200, 20}, {5000, 2}, {20'000, 2}, {20'000, 40}, {60'000, 3}}));
  CAPTURE(total, pieces);
  Upstream upstream(always(ok("x")));
  RunningWorker gateway(one_model(upstream.port));
  std::list<Client> clients;
  for (int i = 0; i < count; ++i)
    clients.emplace_back(gateway.port).send("GET / HTTP/1.1\r\nHost: gw\r\nX: ");
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    for (Client& client : clients) client.send(std::string(total / pieces, 'x'));
    REQUIRE(answered(gateway));  // in between, so that the pieces arrive as pieces
  }
  const std::size_t most = count * (2 * (total + 128) + 1024);
  CHECK(gateway.eventually([&, least = count * total] { return held(gateway) >= least; }));
  CHECK(held(gateway) <= most);
  for (Client& client : clients) client.send("\r\n\r\n");
  for (Client& client : clients) CHECK(read_message(client).body == "x");
  CHECK(gateway.eventually([&] { return held(gateway) == 0; }));
}

TEST_CASE("Half-sent bodies, idle clients and quiet tunnels hold nothing") {
  const std::string upgrade =
      "GET /t HTTP/1.1\r\nHost: gw\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
  const std::string switched =
      "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
  const auto [name, request] = GENERATE_COPY(table<std::string, std::string>(
      {{"half a body",
        "POST /b HTTP/1.1\r\nHost: gw\r\nContent-Length: 99999\r\n\r\n" + std::string(30'000, 'x')},
       {"half a chunk",
        "POST /b HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n" +
            std::string(30'000, 'x')},
       {"idle after a large request", post("/", std::string(100'000, 'x'))},
       {"a tunnel", upgrade}}));
  CAPTURE(name);
  Upstream upstream([&](Peer& peer) {
    for (Message head = peer.request_head(); !head.head.empty(); head = peer.request_head()) {
      const std::string line = head.start_line();
      if (line.starts_with("GET /t")) peer.wire.send(switched);
      if (line.starts_with("GET /t") || line.starts_with("POST /b")) {
        peer.wire.receive_all();
        return;
      }
      read_body(peer.wire, head, Kind::request);
      peer.wire.send(ok("x"));
    }
  });
  RunningWorker gateway(one_model(upstream.port));
  std::list<Client> clients;
  for (int i = 0; i < count; ++i) {
    clients.emplace_back(gateway.port).send(request);
    REQUIRE(answered(gateway));
  }
  CHECK(gateway.eventually([&] { return held(gateway) == 0; }));
}

TEST_CASE("A reader that has stopped holds less as it takes more") {
  Upstream upstream([](Peer& peer) {
    const std::string target = peer.request().start_line();
    peer.wire.send(target.starts_with("GET /large") ? ok(std::string(16 << 20, 'x')) : ok("x"));
    peer.wire.receive_all();
  });
  RunningWorker gateway(one_model(upstream.port));
  std::list<Client> readers;
  for (int i = 0; i < 5; ++i) readers.emplace_back(gateway.port, 4096).send(get("/large"));
  CHECK(gateway.eventually([&] { return held(gateway) >= 5 * 1024; }));
  REQUIRE(answered(gateway));
  CHECK(held(gateway) <= 5 * (reactor::BufferPool::area_size + reactor::BufferPool::headroom));
  readers.clear();
  CHECK(gateway.eventually([&] { return held(gateway) == 0; }));
}

}  // namespace canary::proxy

// Bodies of any size, both ways at once, and sharing a worker.
#include <catch2/catch.hpp>

#include <algorithm>

#include "support/running_worker.hpp"
#include "support/streaming.hpp"

namespace canary::proxy {
namespace {

using namespace test;

constexpr std::size_t large = 8 << 20;

/// The descriptor that is connected to this port: the gateway is in the same process.
int connected_to(std::uint16_t port) {
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    const bool connected = ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
    if (connected && peer.sin_family == AF_INET && ntohs(peer.sin_port) == port) return fd;
  }
  return -1;
}

std::uint16_t own_port(const Client& client) {
  sockaddr_in own{};
  socklen_t size = sizeof own;
  ::getsockname(client.fd(), reinterpret_cast<sockaddr*>(&own), &size);
  return ntohs(own.sin_port);
}

/// From now on the kernel takes no more than 4.5 KiB at a time from it.
void narrow(int fd) {
  const int least = 1;
  REQUIRE(::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof least) == 0);
}

}  // namespace

TEST_CASE("A large upload arrives whole, with a length and in chunks, however small it is read") {
  const bool in_chunks = GENERATE(false, true);
  const std::string body = pattern(large);
  std::string arrived;
  Upstream upstream([&](Peer& peer) {
    Message request = peer.request_head();
    const std::size_t framed = in_chunks ? body.size() * 2 : body.size();
    while (peer.wire.received.size() < framed && peer.wire.receive(1500)) {
      if (in_chunks && peer.wire.received.ends_with("\r\n0\r\n\r\n")) break;
    }
    read_body(peer.wire, request, Kind::request);
    arrived = request.whole ? request.body : "broken";
    peer.wire.send(ok("done"));
    peer.wire.receive_all();
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  const std::string head = "POST / HTTP/1.1\r\nHost: gw\r\n";
  const Sending sending(
      client, in_chunks ? head + "Transfer-Encoding: chunked\r\n\r\n" + chunked(body, 3001)
                        : head + "Content-Length: " + std::to_string(large) + "\r\n\r\n" + body);
  CHECK(read_message(client).body == "done");
  CHECK((arrived == body));
  CHECK(gateway.stable().received == large);
}

TEST_CASE("A large answer arrives whole, whatever its framing, at a client that reads slowly") {
  const std::string body = pattern(large);
  const auto [name, answer, closes] = GENERATE_COPY(table<std::string, std::string, bool>(
      {{"length", ok(body), false},
       {"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, 70'001),
        false},
       {"until close", "HTTP/1.1 200 OK\r\n\r\n" + body, true}}));
  CAPTURE(name);
  Upstream upstream(closes ? once(answer) : always(answer));
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port, 8192);
  const Message message = client.ask(get("/"));
  CHECK(message.whole);
  CHECK((message.body == body));
  CHECK(gateway.stable().sent == large);
}

// Each leaves in one piece if there is room for it; here there never is.
TEST_CASE(
    "Small messages arrive whole and in order where the kernel takes less than one at a time") {
  constexpr std::size_t count = 100, size = 8000;
  const std::string body = pattern(size);
  Upstream upstream(always(ok(body)), 4096);
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port, 4096);
  CHECK(client.ask(post("/", body)).body == body);
  narrow(connected_to(own_port(client)));
  narrow(connected_to(upstream.port));
  std::string requests;
  for (std::size_t i = 1; i < count; ++i) requests += post("/", body);
  const Sending sending(client, requests);
  std::size_t whole = 1;
  for (std::size_t i = 1; i < count; ++i) whole += read_message(client).body == body ? 1 : 0;
  CHECK(whole == count);
  const auto seen = upstream.seen();
  CHECK(std::all_of(seen.begin(), seen.end(), [&](const auto& m) { return m.body == body; }));
  CHECK(gateway.stable().received == count * size);
  CHECK(gateway.stable().sent == count * size);
  CHECK(gateway.stable().by_outcome == std::map<std::string, std::uint64_t>{{"ok", count}});
}

TEST_CASE("An upload goes on while its answer already comes back") {
  const std::string body = pattern(large);
  Upstream upstream([&](Peer& peer) {
    peer.request_head();
    peer.wire.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(large) + "\r\n\r\n");
    for (std::size_t echoed = 0; echoed < large; peer.wire.received.clear()) {
      if (peer.wire.received.empty() && !peer.wire.receive()) return;
      echoed += peer.wire.received.size();
      if (!peer.wire.send(peer.wire.received)) return;
    }
    peer.wire.receive_all();
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  const Sending sending(client, post("/", body));
  const Message answer = read_message(client);
  CHECK(answer.whole);
  CHECK((answer.body == body));
  CHECK(answer.field("Connection") == "close");
  REQUIRE(gateway.eventually([&] { return gateway.stable().charges() == 1; }));
  CHECK(gateway.stable().by_code == std::map<std::string, std::uint64_t>{{"ok 200", 1}});
}

TEST_CASE("An early refusal of an upload reaches the client, and ends both connections") {
  Gate ended;
  Upstream upstream([&](Peer& peer) {
    peer.request_head();
    peer.wire.send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    while (peer.wire.receive()) peer.wire.received.clear();
    ended.open();
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  client.send("POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 9999999\r\n\r\n" +
              std::string(100'000, 'x'));
  const Message answer = read_message(client);
  CHECK(answer.status() == 413);
  CHECK(answer.body == "no");
  CHECK(answer.field("Connection") == "close");
  CHECK(ended.wait());
  CHECK(gateway.stable().by_code == std::map<std::string, std::uint64_t>{{"client_error 413", 1}});
}

TEST_CASE("A client that streams as fast as it can does not keep another one waiting") {
  const bool uploads = GENERATE(false, true);
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> moved = 0;
  Upstream upstream([&](Peer& peer) {
    while (peer.request_head().start_line().starts_with("GET /small")) peer.wire.send(ok("small"));
    const std::string piece = "20000\r\n" + std::string(0x20000, 'x') + "\r\n";
    if (!uploads) peer.wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (uploads ? peer.wire.receive() : peer.wire.send(piece)) {
      moved += peer.wire.received.size() + piece.size();
      peer.wire.received.clear();
    }
  });
  RunningWorker gateway(one_model(upstream.port));
  Client greedy(gateway.port);
  std::thread streaming([&] {
    const std::string piece = "20000\r\n" + std::string(0x20000, 'x') + "\r\n";
    greedy.send(uploads ? "POST / HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n"
                        : get("/"));
    while (!stop && (uploads ? greedy.send(piece) : greedy.receive())) greedy.received.clear();
  });
  CHECK(gateway.eventually([&] { return moved > large; }));
  // Each small request gets its turn: what is streamed meanwhile is bounded by events, not time.
  const std::uint64_t before = moved;
  for (int i = 0; i < 20; ++i) CHECK(Client(gateway.port).ask(get("/small")).body == "small");
  const std::uint64_t during = moved - before;
  CAPTURE(during);
  CHECK(during / 20 < (64u << 20));
  CHECK(gateway.eventually([&] { return moved > before + during; }));  // and the stream goes on
  stop = true;
  greedy.interrupt();
  streaming.join();
}

}  // namespace canary::proxy

// In steady state a request allocates nothing. Counted by the executable's own operator new, on the
// worker's thread alone.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <new>

#include "support/running_worker.hpp"

// The sanitizers bring an operator new of their own, which also checks.
#ifdef __has_feature
#define CANARY_SANITIZED __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#else
#define CANARY_SANITIZED 0
#endif
#if !(CANARY_SANITIZED)

namespace {

thread_local bool counting = false;
thread_local std::uint64_t allocations = 0;

void* counted(std::size_t size) {
  if (counting) ++allocations;
  if (void* memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace canary::proxy {
namespace {

using namespace test;

// Reads requests and answers them without judging them: a fast upstream.
Upstream::Script answers(std::string answer) {
  return [answer = std::move(answer)](Peer& peer) {
    for (;;) {
      const Message request = read_message(peer.wire, Kind::request);
      if (request.head.empty() || !peer.wire.send(answer)) return;
    }
  };
}

template <class F>
std::uint64_t allocated_by(RunningWorker& gateway, F once) {
  for (int i = 0; i < 50; ++i) once();
  gateway.ask([](Worker&) {
    allocations = 0;
    counting = true;
  });
  for (int i = 0; i < 1000; ++i) once();
  std::uint64_t counted = 0;
  gateway.ask([&counted](Worker&) {
    counted = allocations;
    counting = false;
  });
  return counted;
}

}  // namespace

TEST_CASE("The counter counts") {
  counting = true;
  allocations = 0;
  delete new int(7);
  counting = false;
  CHECK(allocations == 1);
}

TEST_CASE("A thousand requests in steady state allocate nothing") {
  const auto [name, request, answer] = GENERATE(table<std::string, std::string, std::string>(
      {{"GET", get("/v1/models/comp-critic/a/long/path/that/fits/no/small/string?with=query"),
        ok(std::string(1000, 'x'))},
       {"POST", post("/v1/models/m:predict", std::string(4096, 'x'), "X-User-Id: user-1\r\n"),
        ok(std::string(100, 'x'))},
       {"chunks",
        "POST / HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("body", 3),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("answer", 4)}}));
  CAPTURE(name);
  Upstream upstream(answers(answer)), canary(answers(answer));
  config::Config config = one_model(upstream.port, canary.port);
  config.models[0].slo = config::Slo{200ms, config::Slo::Of::total};
  config.models[0].sticky = {{config::StickySource::Kind::header, "X-User-Id"}};
  RunningWorker gateway(config, 5000);
  Client client(gateway.port);
  const auto ask = [&client, &request = request] { REQUIRE(client.ask(request).status() == 200); };
  CHECK(allocated_by(gateway, ask) == 0);
}

TEST_CASE("A tunnel allocates nothing for what passes through it") {
  Upstream upstream([](Peer& peer) {
    if (read_message(peer.wire, Kind::request).head.empty()) return;
    peer.wire.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n");
    while (peer.wire.receive() && peer.wire.send(peer.wire.received)) peer.wire.received.clear();
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  REQUIRE(client.ask(get("/", "Connection: upgrade\r\nUpgrade: raw\r\n")).status() == 101);
  const auto talk = [&] {
    client.received.clear();
    REQUIRE(client.send(std::string(3000, 'x')));
    REQUIRE(client.receive_at_least(3000));
  };
  CHECK(allocated_by(gateway, talk) == 0);
}

}  // namespace canary::proxy

#endif

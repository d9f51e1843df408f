// A body between two sockets, and somebody who watches it.
#include "http1/relay.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <string>

#include "call/body_observer.hpp"
#include "reactor/reactor.hpp"

namespace canary::http1 {
namespace {

/// A socket of the relay's, and its peer's end.
struct Pair final : reactor::SocketOwner {
  explicit Pair(reactor::Reactor& reactor) : reactor(reactor) {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
    socket.owner = this;
    REQUIRE(reactor.add(socket, fds[0]));
    peer = fds[1];
  }
  ~Pair() {
    reactor.close(socket);
    ::close(peer);
  }
  void on_ready(reactor::Socket&) override {}
  void put(std::string_view bytes) const {
    REQUIRE(::write(peer, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  std::string take() const {
    std::string all(1 << 20, '\0');
    const ssize_t size = ::read(peer, all.data(), all.size());
    all.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return all;
  }

  reactor::Reactor& reactor;
  reactor::Socket socket;
  int peer = -1;
};

/// What arrives of a body in pieces, and how often the relay says what.
struct Passed {
  std::string bytes;
  std::vector<Relay::Progress> steps;
};
Passed pass(std::size_t pieces, call::BodyObserver* observer) {
  reactor::BufferPool buffers;
  reactor::Reactor reactor;
  Pair from(reactor), to(reactor);
  reactor::Buffer buffer(buffers);
  Relay relay(from.socket, buffer, http::BodyReader(http::Framing::length, pieces * 1000),
              to.socket, false, Relay::no_limit);
  if (observer) relay.watch(*observer);
  Passed passed;
  for (std::size_t i = 0; i < pieces; ++i) {
    from.put(std::string(1000, static_cast<char>('a' + i % 26)));
    reactor::Reactor::look(from.socket);
    passed.steps.push_back(relay.step());
    passed.bytes += to.take();
  }
  return passed;
}

}  // namespace

TEST_CASE("Nobody waits for an observer that takes nothing, and nothing is changed by it") {
  call::BodyTap stalled(4096);
  const Passed watched = pass(100, &stalled), alone = pass(100, nullptr);
  CHECK(watched.bytes.size() == 100'000);
  CHECK(watched.bytes == alone.bytes);
  CHECK(watched.steps == alone.steps);
  CHECK(watched.steps.back() == Relay::Progress::done);
  CHECK(stalled.kept() == std::string_view(alone.bytes).substr(0, 4096));
  CHECK(stalled.missed() == 100'000 - 4096);
}

TEST_CASE("An observer that keeps up misses nothing, and one that has missed keeps no gap") {
  call::BodyTap tap(10);
  tap.see("0123");
  tap.take(4);
  tap.see("456789");
  CHECK(tap.kept() == "456789");
  CHECK(tap.missed() == 0);
  tap.see("abcdef");
  CHECK(tap.kept() == "456789abcd");
  tap.take(10);
  tap.see("g");
  CHECK(tap.kept().empty());
  CHECK(tap.missed() == 3);
}

}  // namespace canary::http1

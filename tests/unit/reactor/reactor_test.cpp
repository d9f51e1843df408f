#include "reactor/reactor.hpp"

#include <catch2/catch.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "support/jumping_clock.hpp"

namespace canary::reactor {
namespace {

using namespace std::chrono_literals;

struct Listening final : SocketOwner {
  void on_ready(Socket& socket) override {
    if (then) then(socket);
  }
  std::function<void(Socket&)> then;
};

struct Again final : Resumable {
  void on_resume() override { then(); }
  std::function<void()> then;
};

struct Alarm final : Timer {
  void on_timer(MonoTime) override { then(); }
  std::function<void()> then;
};

/// Two connected sockets: one for the reactor, one for the test.
struct Pair {
  Pair() {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    inner = fds[0];
    outer = fds[1];
  }
  ~Pair() { ::close(outer); }
  void write(std::string_view bytes) {
    REQUIRE(::write(outer, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  int inner = -1, outer = -1;
};

/// Runs a call in the loop, and the loop until it is told to stop.
void run(
    Reactor& reactor, Inbox::Call first = [] {}) {
  REQUIRE(reactor.inbox().post(std::move(first)));
  reactor.run();
}

/// Stops the loop if nothing else does.
struct Limit {
  explicit Limit(Reactor& reactor) {
    alarm.then = [&reactor, this] {
      reached = true;
      reactor.stop();
    };
    reactor.wheel().arm(alarm, std::chrono::steady_clock::now() + 10s);
  }
  Alarm alarm;
  bool reached = false;
};

struct OneSocket {
  OneSocket() { socket.owner = &owner; }
  ~OneSocket() { reactor.close(socket); }
  Reactor reactor;
  Limit limit{reactor};
  Pair pair;
  Socket socket;
  Listening owner;
};

}  // namespace

TEST_CASE_METHOD(OneSocket, "A short read means drained: no system call until the next event") {
  REQUIRE(reactor.add(socket, pair.inner));
  char bytes[8];
  CHECK(socket.receive(bytes).status == IoStatus::again);
  CHECK_FALSE(socket.readable());
  std::string seen;
  owner.then = [&](Socket&) {
    const Io io = socket.receive(bytes);
    if (io.status != IoStatus::ok) return;
    seen.append(bytes, io.bytes);
    if (seen == "hello") {
      CHECK_FALSE(socket.readable());  // five of eight
      pair.write("12345678");
    } else {
      CHECK(socket.readable());  // a full read may leave more
      CHECK(socket.receive(bytes).status == IoStatus::again);
      reactor.stop();
    }
  };
  run(reactor, [&] { pair.write("hello"); });
  CHECK_FALSE(limit.reached);
  CHECK(seen == "hello12345678");
}

TEST_CASE_METHOD(OneSocket, "What happens to a socket before it is watched is told then") {
  reactor.hold(socket, pair.inner);
  char bytes[8];
  CHECK(socket.receive(bytes).status == IoStatus::again);
  bool watched = false;
  std::string seen;
  owner.then = [&](Socket&) {
    CHECK(watched);
    const Io io = socket.receive(bytes);
    seen.append(bytes, io.bytes);
    CHECK(socket.hung_up());
    reactor.stop();
  };
  run(reactor, [&] {
    pair.write("early");
    ::shutdown(pair.outer, SHUT_WR);
    reactor.inbox().post([&] { watched = reactor.watch(socket); });
  });
  CHECK_FALSE(limit.reached);
  CHECK(seen == "early");
}

TEST_CASE_METHOD(OneSocket,
                 "The end is read after the last bytes, though it is no event of its own") {
  REQUIRE(reactor.add(socket, pair.inner));
  std::string seen;
  owner.then = [&](Socket&) {
    if (!socket.hung_up()) return;
    char bytes[64];
    for (Io io; (io = socket.receive(bytes)).status != IoStatus::closed;) {
      REQUIRE(io.status == IoStatus::ok);
      seen.append(bytes, io.bytes);
    }
    reactor.stop();
  };
  run(reactor, [&] {
    pair.write("last words");
    ::shutdown(pair.outer, SHUT_WR);
  });
  CHECK_FALSE(limit.reached);
  CHECK(seen == "last words");
}

TEST_CASE_METHOD(OneSocket,
                 "A full socket says so, and an event follows when there is room again") {
  REQUIRE(reactor.add(socket, pair.inner));
  const std::string bytes(1 << 16, 'x');
  std::size_t sent = 0;
  for (Io io; (io = socket.send(std::span<const char>(bytes))).status == IoStatus::ok;)
    sent += io.bytes;
  CHECK_FALSE(socket.writable());
  owner.then = [&](Socket&) {
    if (socket.writable()) reactor.stop();
  };
  run(reactor, [&] {
    std::string into(1 << 16, ' ');
    for (std::size_t read = 0; read < sent;)
      read += static_cast<std::size_t>(::read(pair.outer, into.data(), into.size()));
  });
  CHECK_FALSE(limit.reached);
}

TEST_CASE("A socket that is closed within a batch is told nothing more, and freed after it") {
  Reactor reactor;
  Limit limit(reactor);
  Pair one, two;
  bool freed = false;
  struct Owned final : SocketOwner {
    explicit Owned(bool& freed) : freed(freed) {}
    ~Owned() { freed = true; }
    void on_ready(Socket&) override { told = true; }
    Socket socket;
    bool told = false;
    bool& freed;
  };
  auto victim = std::make_unique<Owned>(freed);
  bool told_after = false, freed_within = false;
  victim->socket.owner = victim.get();
  Socket killer;
  Listening owner;
  killer.owner = &owner;
  // Registered in this order, both with an event in the first batch.
  REQUIRE(reactor.add(killer, one.inner));
  REQUIRE(reactor.add(victim->socket, two.inner));
  owner.then = [&](Socket&) {
    if (!victim) return;
    told_after = victim->told;
    reactor.close(victim->socket);
    reactor.retire(std::move(victim));
    freed_within = freed;
    reactor.stop();
  };
  reactor.run();
  CHECK_FALSE(limit.reached);
  CHECK_FALSE(told_after);
  CHECK_FALSE(freed_within);
  CHECK(freed);
  reactor.close(killer);
}

TEST_CASE_METHOD(OneSocket, "What gives way goes on after fresh events, round by round") {
  REQUIRE(reactor.add(socket, pair.inner));
  int rounds = 0, events = 0, events_at_end = 0;
  Again again;
  again.then = [&] {
    if (++rounds == 100) {
      events_at_end = events;
      reactor.stop();
      return;
    }
    pair.write("x");
    reactor.yield(again);
  };
  owner.then = [&](Socket&) {
    char bytes[8];
    if (socket.receive(bytes).status == IoStatus::ok) ++events;
  };
  run(reactor, [&] { reactor.yield(again); });
  CHECK_FALSE(limit.reached);
  CHECK(events_at_end == 99);  // one between any two rounds
}

TEST_CASE("What has given way when the reactor goes is not called any more") {
  Again again;
  bool called = false;
  again.then = [&] { called = true; };
  {
    Reactor reactor;
    reactor.yield(again);
  }
  CHECK_FALSE(called);
}

TEST_CASE("A socket that is not open can be closed, and one that cannot be added stays so") {
  Reactor reactor;
  Socket socket;
  CHECK_FALSE(socket.open());
  reactor.close(socket);  // of what is not open: nothing
  reactor.reset(socket);
  CHECK_FALSE(reactor.add(socket, -1));
  CHECK_FALSE(socket.open());
}

TEST_CASE("The inbox runs every call once, in each poster's order, from many threads") {
  Reactor reactor;
  constexpr int posters = 4, each = 5000;
  std::vector<int> last(posters, -1);
  int ran = 0, out_of_order = 0;
  std::vector<std::thread> threads;
  for (int poster = 0; poster < posters; ++poster) {
    threads.emplace_back([&, poster] {
      for (int i = 0; i < each; ++i) {
        const auto call = [&, poster, i] {
          if (std::exchange(last[static_cast<std::size_t>(poster)], i) != i - 1) ++out_of_order;
          if (++ran == posters * each) reactor.stop();
        };
        while (!reactor.inbox().post(call)) std::this_thread::yield();
      }
    });
  }
  reactor.run();
  for (auto& thread : threads) thread.join();
  CHECK(ran == posters * each);
  CHECK(out_of_order == 0);
}

TEST_CASE("A full inbox refuses, and what it took still runs") {
  Reactor reactor;
  std::size_t ran = 0;
  for (std::size_t i = 0; i < Inbox::capacity; ++i)
    REQUIRE(reactor.inbox().post([&] {
      if (++ran == Inbox::capacity) reactor.stop();
    }));
  CHECK_FALSE(reactor.inbox().post([&] { ran = 0; }));
  reactor.run();
  CHECK(ran == Inbox::capacity);
}

TEST_CASE("A call may post further calls") {
  Reactor reactor;
  Limit limit(reactor);
  run(reactor, [&] { reactor.inbox().post([&] { reactor.stop(); }); });
  CHECK_FALSE(limit.reached);
}

TEST_CASE("A jump of the clock is a pause: no timer fires for it, and the shared time has it") {
  test::JumpingClock clock;
  Reactor reactor(clock);
  Limit limit(reactor);
  Alarm alarm;
  bool fired = false;
  alarm.then = [&] { fired = true; };
  reactor.wheel().arm(alarm, reactor.now() + 1min);
  const MonoTime before = reactor.now(), shared_before = reactor.time().shared_now();
  Alarm soon;
  soon.then = [&] { reactor.stop(); };
  run(reactor, [&] {
    clock.jump(1h);
    reactor.wheel().arm(soon, reactor.now() + 300ms);
  });
  CHECK_FALSE(limit.reached);
  CHECK_FALSE(fired);
  CHECK(reactor.now() - before < 1min);
  CHECK(reactor.time().shared_now() - shared_before > 1h);
  CHECK(reactor.time().paused() > 59min);
  CHECK(reactor.time().paused_within(1min));
}

TEST_CASE_METHOD(OneSocket, "A look finds what no event has told yet, and finds it once") {
  REQUIRE(reactor.add(socket, pair.inner));
  char bytes[8];
  CHECK(socket.receive(bytes).status == IoStatus::again);
  CHECK_FALSE(Reactor::look(socket));
  pair.write("hello");
  CHECK(Reactor::look(socket));
  CHECK(socket.readable());
  CHECK_FALSE(Reactor::look(socket));
  CHECK(socket.receive(bytes).bytes == 5);
  ::shutdown(pair.outer, SHUT_RDWR);
  CHECK(Reactor::look(socket));
  CHECK(socket.hung_up());
  Socket closed;
  CHECK_FALSE(Reactor::look(closed));
}

TEST_CASE("Whoever is told first knows what the batch says of every socket") {
  Reactor reactor;
  Limit limit(reactor);
  Pair pairs[2];
  Socket sockets[2];
  Listening owner;
  int told = 0, known = 0;
  owner.then = [&](Socket&) {
    if (++told == 1) known = sockets[0].readable() + sockets[1].readable();
    if (told == 2) reactor.stop();
  };
  run(reactor, [&] {
    for (int i = 0; i < 2; ++i) {
      sockets[i].owner = &owner;
      REQUIRE(reactor.add(sockets[i], pairs[i].inner));
      sockets[i].expect_events();
      pairs[i].write("x");  // both are there when the loop waits next
    }
  });
  CHECK(known == 2);
  CHECK_FALSE(limit.reached);
  for (auto& socket : sockets) reactor.close(socket);
}

}  // namespace canary::reactor

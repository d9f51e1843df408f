// The pool of workers as control sees it: tables in force, draining, ports.
#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <deque>
#include <list>
#include <thread>

#include "proxy/worker_pool.hpp"
#include "support/running_worker.hpp"

namespace canary::proxy {
namespace {

using namespace test;

/// The control thread's queue, run by the test itself.
class Control {
 public:
  void post(std::function<void()> call) {
    std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
    changed_.notify_all();
  }
  /// Runs calls until `holds`; false when patience ends first.
  template <class F>
  bool run_until(F&& holds) {
    while (!holds()) {
      std::unique_lock lock(mutex_);
      if (!changed_.wait_for(lock, patience, [this] { return !calls_.empty(); })) return false;
      const auto call = std::move(calls_.front());
      calls_.pop_front();
      lock.unlock();
      call();
    }
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> calls_;
};

struct Fixture {
  explicit Fixture(std::uint16_t stable, std::uint16_t canary = 0, std::size_t workers = 2)
      : config(one_model(stable, canary)), registry(workers), pool(workers, nullptr, poster()) {
    REQUIRE(pool.listen({{"127.0.0.1", 0}}, false).has_value());
    port = pool.bound()[0].port;
  }
  WorkerPool::PostToControl poster() {
    return [this](std::function<void()> call) { control.post(std::move(call)); };
  }
  std::shared_ptr<const traffic::RoutingTable> table(base::BasisPoints weight) {
    return traffic::build_table(config, {{"m", weight}}, traffic::lookup_numeric, endpoints,
                                registry, ++generation);
  }
  void publish(base::BasisPoints weight) {
    pool.publish(table(weight), [this] { ++applied; });
  }
  bool in_force(int tables) {
    return control.run_until([&] { return applied == tables; });
  }
  bool drained() {
    bool done = false;
    pool.drain([&] { done = true; });
    return control.run_until([&] { return done; });
  }

  config::Config config;
  Control control;
  traffic::EndpointRegistry endpoints;
  stats::Registry registry;
  std::uint64_t generation = 0;
  int applied = 0;
  std::uint16_t port = 0;
  WorkerPool pool;  // last: goes before the queue that it posts to
};

}  // namespace

TEST_CASE("A table is in force when every worker has it, and later requests follow it") {
  Upstream stable(always(ok("stable"))), canary(always(ok("canary")));
  Fixture fixture(stable.port, canary.port);
  fixture.publish(10000);
  REQUIRE(fixture.in_force(1));
  // Connections on both workers, with luck: SO_REUSEPORT spreads them.
  std::list<Client> clients;
  for (int i = 0; i < 16; ++i)
    CHECK(clients.emplace_back(fixture.port).ask(get("/")).body == "canary");
  fixture.publish(0);
  REQUIRE(fixture.in_force(2));
  const std::size_t before = canary.seen().size();
  for (Client& client : clients) CHECK(client.ask(get("/")).body == "stable");
  CHECK(canary.seen().size() == before);
}

TEST_CASE("Publishes that wait are replaced by the last one, and all their callbacks run") {
  Upstream stable(always(ok("stable"))), canary(always(ok("canary")));
  Fixture fixture(stable.port, canary.port);
  std::weak_ptr<const traffic::RoutingTable> skipped;
  std::vector<int> order;
  fixture.pool.publish(fixture.table(0), [&] { order.push_back(0); });
  for (int i = 1; i <= 3; ++i) {
    const auto table = fixture.table(i == 3 ? 10000 : 0);
    if (i == 1) skipped = table;
    fixture.pool.publish(table, [&order, i] { order.push_back(i); });
  }
  CHECK(skipped.expired());  // replaced before any worker saw it
  REQUIRE(fixture.control.run_until([&] { return order.size() == 4; }));
  CHECK(order == std::vector<int>{0, 1, 2, 3});
  CHECK(Client(fixture.port).ask(get("/")).body == "canary");
}

TEST_CASE("A callback may publish again") {
  Upstream stable(always(ok("stable"))), canary(always(ok("canary")));
  Fixture fixture(stable.port, canary.port);
  fixture.pool.publish(fixture.table(0), [&] { fixture.publish(10000); });
  REQUIRE(fixture.in_force(1));
  CHECK(Client(fixture.port).ask(get("/")).body == "canary");
}

TEST_CASE("A replaced table lives as long as a request that was routed by it, and no longer") {
  Gate answer;
  Upstream stable([&](Peer& peer) {
    peer.request();
    answer.wait();
    peer.wire.send(ok("late"));
    peer.request();
  });
  Fixture fixture(stable.port);
  auto first = fixture.table(0);
  const std::weak_ptr<const traffic::RoutingTable> watched = first;
  fixture.pool.publish(std::move(first), [&] { ++fixture.applied; });
  REQUIRE(fixture.in_force(1));
  Client client(fixture.port);
  client.send(get("/"));
  REQUIRE(stable.saw(1));
  fixture.publish(0);
  REQUIRE(fixture.in_force(2));
  CHECK_FALSE(watched.expired());
  answer.open();
  CHECK(read_message(client).body == "late");
  fixture.publish(0);  // another round through the workers
  REQUIRE(fixture.in_force(3));
  CHECK(watched.expired());
}

TEST_CASE("Draining closes the listener, finishes what is in flight with Connection: close") {
  Gate answer;
  Upstream stable([&](Peer& peer) {
    while (!peer.request().head.empty()) {
      answer.wait();
      peer.wire.send(ok("late"));
    }
  });
  Fixture fixture(stable.port);
  fixture.publish(0);
  REQUIRE(fixture.in_force(1));
  Client idle(fixture.port), busy(fixture.port);
  busy.send(get("/"));
  REQUIRE(stable.saw(1));
  bool done = false;
  fixture.pool.drain([&] { done = true; });
  while (Client(fixture.port).fd() >= 0) {
  }  // refused once both workers have closed theirs
  answer.open();
  const Message last = read_message(busy);
  CHECK(last.body == "late");
  CHECK(last.field("Connection") == "close");
  CHECK_FALSE(busy.receive());
  CHECK_FALSE(idle.receive());
  CHECK(idle.received.empty());
  CHECK_FALSE(idle.was_silent);
  REQUIRE(fixture.control.run_until([&] { return done; }));
}

TEST_CASE("A connection that waits in the queue when the drain begins is served") {
  Upstream stable(always(ok("served")));
  Fixture fixture(stable.port, 0, 1);
  // Queued before the worker starts: some that have left again, and one with a request.
  for (int i = 0; i < 3; ++i) Client(fixture.port).close();
  Client waiting(fixture.port);
  waiting.send(get("/"));
  fixture.publish(0);
  REQUIRE(fixture.drained());
  const Message answer = read_message(waiting);
  CHECK(answer.body == "served");
}

// Who cannot connect is no loss: refused, or not heard in time.
TEST_CASE("Whoever could connect is served, also while the listeners close") {
  Upstream stable(always(ok("stable")));
  for (int round = 0; round < 10; ++round) {
    Fixture fixture(stable.port);
    fixture.publish(0);
    REQUIRE(fixture.in_force(1));
    std::atomic<int> served = 0, lost = 0;
    const auto ask_until_refused = [&] {
      for (;;) {
        Wire client(connect_to(fixture.port, 0, 100ms));
        if (client.fd() < 0) return;
        client.send(get("/", "Connection: close\r\n"));
        ++(read_message(client).body == "stable" ? served : lost);
      }
    };
    std::array<std::thread, 4> clients;
    for (auto& client : clients) client = std::thread(ask_until_refused);
    while (served < 20) std::this_thread::yield();
    CHECK(fixture.drained());
    for (auto& client : clients) client.join();
    CHECK(lost == 0);
  }
}

TEST_CASE("A table published while the workers end is in force when the last one has ended") {
  Gate answer;
  Upstream stable([&](Peer& peer) {
    peer.request();
    answer.wait();
    peer.wire.send(ok("late"));
  });
  Fixture fixture(stable.port);
  fixture.publish(0);
  REQUIRE(fixture.in_force(1));
  Client busy(fixture.port);  // keeps one of the two workers
  busy.send(get("/"));
  REQUIRE(stable.saw(1));
  bool done = false;
  fixture.pool.drain([&] { done = true; });
  for (int i = 2; i < 5; ++i) {
    fixture.publish(0);
    REQUIRE(fixture.in_force(i));
  }
  answer.open();
  REQUIRE(fixture.control.run_until([&] { return done; }));
  fixture.publish(0);
  fixture.publish(0);
  CHECK(fixture.in_force(6));
}

TEST_CASE("Shutting down ends everything, whatever it does") {
  Upstream stable([](Peer& peer) {
    peer.request();
    peer.wire.receive_all();
  });
  Fixture fixture(stable.port);
  fixture.publish(0);
  REQUIRE(fixture.in_force(1));
  Client idle(fixture.port), partial(fixture.port), busy(fixture.port);
  partial.send("GET / HT");
  busy.send(get("/"));
  REQUIRE(stable.saw(1));
  bool done = false;
  fixture.pool.drain([&] { done = true; });
  fixture.pool.shut_down();
  REQUIRE(fixture.control.run_until([&] { return done; }));
  CHECK_FALSE(idle.receive());
  CHECK_FALSE(partial.receive());
  CHECK_FALSE(busy.receive());
  const Recorded version = recorded(*fixture.registry.all()[0]);
  CHECK(version.by_outcome == std::map<std::string, std::uint64_t>{{"gateway_error", 1}});
  CHECK(version.in_flight() == 0);
}

TEST_CASE(
    "A second gateway on the port is refused, unless it takes over; a failure binds nothing") {
  Upstream stable(always(ok("stable")));
  Fixture first(stable.port);
  Control control;
  WorkerPool second(1, nullptr, [&](std::function<void()> call) { control.post(std::move(call)); });
  const auto refused = second.listen({{"127.0.0.1", 0}, {"127.0.0.1", first.port}}, false);
  REQUIRE_FALSE(refused.has_value());
  CHECK_THAT(refused.error().message(), Catch::Contains(std::to_string(first.port)));
  CHECK(second.bound().empty());
  CHECK(second.listen({{"127.0.0.1", first.port}}, true).has_value());
}

TEST_CASE("Draining a pool that never started is done at once") {
  Upstream stable(always(ok("stable")));
  Fixture fixture(stable.port);
  CHECK(fixture.drained());
}

}  // namespace canary::proxy

// Seeded traffic through the real worker pool on real sockets, while weights, endpoints and SLOs
// change under it: every request is recorded exactly once, under the version that answered or was
// charged, and none reaches the canary while weight 0 is in force.
//   CANARY_SCENARIO_SEED=N   this seed alone
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <numeric>

#include "config/load.hpp"
#include "proxy/worker_pool.hpp"
#include "scenario/traffic/peers.hpp"
#include "stats/registry.hpp"
#include "traffic/build_table.hpp"

using namespace canary;
using namespace canary::scenario;

namespace {

using stats::Outcome;

/// One version's counters, summed over the workers.
struct Recorded {
  std::uint64_t started = 0, finished = 0, total = 0, failovers = 0, by_code = 0;
  std::array<std::uint64_t, stats::outcome_count> by_outcome{};
  std::uint64_t of(Outcome outcome) const { return by_outcome[static_cast<std::size_t>(outcome)]; }
};

/// The gateway's data plane and the control thread's part in it: this thread.
class Gateway {
 public:
  Gateway(std::uint16_t stable, std::uint16_t canary, const DeadEnds& dead_ends, Moment& now)
      : moment(now), ports_{canary, dead_ends.refusing(), dead_ends.silent()}, stable_(stable) {
    REQUIRE(pool_.listen({{"127.0.0.1", 0}}, false).has_value());
  }
  std::uint16_t port() const { return pool_.bound().front().port; }

  /// A table with this weight; `canary_at`: 0 its server, 1 refused, 2 never accepted.
  void publish(base::BasisPoints weight, int canary_at, int slo_ms) {
    const auto loaded = config::load(text(canary_at, slo_ms));
    REQUIRE(loaded.ok());
    if (weight > 0 && at_zero(moment)) ++moment;
    ++generation_;
    pool_.publish(traffic::build_table(loaded.config, {{"m", weight}}, traffic::lookup_numeric,
                                       endpoints_, registry_, generation_),
                  [this, weight, of = generation_] {
                    in_force_ = of;
                    if (of == generation_ && weight == 0 && !at_zero(moment)) ++moment;
                  });
  }
  bool settled() const { return in_force_ == generation_; }

  void run_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) FAIL("what was awaited did not come");
      io_.run_one_for(std::chrono::milliseconds(2));
    }
  }
  void drain() {
    bool drained = false;
    pool_.drain([&drained] { drained = true; });
    run_until([&drained] { return drained; });
  }

  Recorded recorded(const std::string& version) const {
    Recorded sum;
    for (const auto& stats : registry_.all()) {
      if (stats->version != version) continue;
      for (const auto& cell : stats->requests->all()) {
        sum.started += cell.started.get();
        sum.finished += cell.finished.get();
        sum.failovers += cell.failovers.get();
        for (std::size_t i = 0; i < stats::outcome_count; ++i)
          sum.by_outcome[i] += cell.by_outcome[i].get();
        cell.by_code.for_each(
            [&sum](Outcome, std::uint16_t, std::uint64_t count) { sum.by_code += count; });
      }
    }
    sum.total = std::accumulate(sum.by_outcome.begin(), sum.by_outcome.end(), std::uint64_t{0});
    return sum;
  }

  Moment& moment;

 private:
  std::string text(int canary_at, int slo_ms) const {
    const auto url = [](std::uint16_t port) {
      return "[\"http://127.0.0.1:" + std::to_string(port) + "\"]";
    };
    return "models:\n  m:\n    match: [{ path_prefix: /m }]\n"
           "    stable: { version: v1, endpoints: " +
           url(stable_) + " }\n    canary: { version: v2, endpoints: " + url(ports_[canary_at]) +
           " }\n    override: { header: X-Canary }\n    timeouts: { connect: 50ms }\n"
           "    slo: { latency_p95: " +
           std::to_string(slo_ms) + "ms }\n";
  }

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::uint16_t ports_[3], stable_;
  stats::Registry registry_{2};
  traffic::EndpointRegistry endpoints_;
  std::uint64_t generation_ = 0, in_force_ = 0;
  proxy::WorkerPool pool_{
      2, nullptr, [this](std::function<void()> call) { boost::asio::post(io_, std::move(call)); }};
};

struct Sums {
  Client::Counts counts;
  std::uint64_t moments_at_zero = 0;
};

/// Clients send while tables change; afterwards everything has ended.
Sums rush(Gateway& gateway, Hanging& hanging, std::uint64_t seed, bool dead_ends) {
  base::Random random(seed);
  constexpr base::BasisPoints weights[] = {0, 0, 1000, 5000, 10000};
  gateway.publish(5000, 0, 200);
  gateway.run_until([&] { return gateway.settled(); });

  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> progress{0};
  std::list<Client> clients;
  std::list<std::thread> threads;
  for (std::size_t i = 0; i < client_count; ++i) {
    Client& client = clients.emplace_back(i, gateway.port(), random.next(), dead_ends,
                                          gateway.moment, hanging, progress);
    threads.emplace_back([&client, &stop] { client.run(stop); });
  }
  Sums sums;
  for (int change = 0; change < 25; ++change) {
    // Now and then several tables are on their way at once.
    for (auto tables = 1 + random.below(3); tables > 0; --tables)
      gateway.publish(weights[random.below(std::size(weights))],
                      dead_ends ? static_cast<int>(random.below(3)) : 0,
                      random.below(2) == 0 ? 200 : 1);
    if (random.below(3) != 0) gateway.run_until([&] { return gateway.settled(); });
    if (at_zero(gateway.moment)) ++sums.moments_at_zero;
    const auto enough = progress + 5 + random.below(20);
    gateway.run_until([&] { return progress >= enough; });
  }
  stop = true;
  gateway.run_until([&] { return gateway.settled(); });
  for (std::thread& thread : threads) thread.join();
  gateway.drain();
  for (const Client& client : clients) {
    sums.counts.sent += client.counts().sent;
    sums.counts.aborted += client.counts().aborted;
    sums.counts.broken += client.counts().broken;
    sums.counts.vanished += client.counts().vanished;
    for (const auto& [version, n] : client.counts().by_version)
      sums.counts.by_version[version] += n;
    for (const auto& [version, n] : client.counts().fine) sums.counts.fine[version] += n;
  }
  return sums;
}

void check(std::uint64_t seed, bool dead_ends) {
  CAPTURE(seed, dead_ends);
  const DeadEnds nowhere;
  Hanging hanging{};
  Moment moment{1};
  Server stable(false, moment, hanging), canary(true, moment, hanging);
  Gateway gateway(stable.port(), canary.port(), nowhere, moment);
  Sums sums = rush(gateway, hanging, seed, dead_ends);
  Client::Counts& client = sums.counts;
  const Recorded v1 = gateway.recorded("v1"), v2 = gateway.recorded("v2");

  CHECK(client.broken == 0);
  CHECK(client.by_version.size() <= 2);
  CHECK(client.sent > 0);
  // Each request is recorded once, whatever became of it.
  CHECK(v1.total + v2.total == client.sent);
  CHECK(v1.by_code == v1.total);
  CHECK(v2.by_code == v2.total);
  CHECK(v1.started == v1.finished);
  CHECK(v2.started == v2.finished);
  // A server that vanishes is charged, unless it may have been the keep-alive race.
  const auto vanished = v1.of(Outcome::reset) + v2.of(Outcome::reset) +
                        v1.of(Outcome::gateway_error) + v2.of(Outcome::gateway_error);
  CHECK(vanished <= client.vanished);
  CHECK(v1.of(Outcome::client_abort) + v2.of(Outcome::client_abort) == client.aborted);
  // Who could not be reached was charged, and stable answered.
  CHECK(v2.of(Outcome::connect_error) + v2.of(Outcome::timeout_connect) == v2.failovers);
  CHECK(v2.total - v2.failovers - v2.of(Outcome::client_abort) == client.by_version["v2"]);
  CHECK(v1.total + v2.failovers - v1.of(Outcome::client_abort) == client.by_version["v1"]);
  CHECK(v2.of(Outcome::ok) == client.fine["v2"]);
  if (dead_ends)
    CHECK(v2.failovers > 0);
  else
    CHECK(vanished == client.vanished);
  if (!dead_ends) CHECK(v1.of(Outcome::ok) == client.fine["v1"]);
  // While weight 0 was in force the canary saw nothing.
  CHECK(sums.moments_at_zero > 0);
  CHECK(canary.trespasses() == 0);
  CHECK(canary.seen() > 0);
}

std::vector<std::uint64_t> seeds() {
  const char* one = std::getenv("CANARY_SCENARIO_SEED");
  if (one != nullptr) return {std::strtoull(one, nullptr, 10)};
  return {1, 2, 3, 4, 5, 6, 7, 8};
}

}  // namespace

TEST_CASE("weights and SLOs change under traffic: clients and gateway count the same") {
  for (const auto seed : seeds()) check(seed, false);
}

TEST_CASE("tables are swapped during failover: every request is answered and charged once") {
  for (const auto seed : seeds()) check(seed, true);
}

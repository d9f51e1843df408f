#include "stats/window.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <deque>

#include "base/random.hpp"
#include "stats/registry.hpp"

using namespace canary;
using namespace canary::stats;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  Registry registry{2};
  LatencyBounds bounds{200ms, 300ms, false};
  base::MonoTime now{1h};
  std::shared_ptr<VersionStats> stats() { return registry.version("m", "v", bounds); }
  void serve(int requests, int errors, base::Duration latency = 10ms, std::size_t worker = 0) {
    const auto s = stats();
    for (int i = 0; i < requests; ++i) {
      Observation o;
      o.error = i < errors;
      o.outcome = o.error ? Outcome::server_error : Outcome::ok;
      o.total = latency;
      record(s->requests->at(worker), s->latency->at(worker), *s->latency, o);
    }
  }
};

}  // namespace

TEST_CASE("a window begins empty and fills", "[window]") {
  Fixture f;
  f.serve(100, 50);  // before the window began
  Window window(1min);
  window.tick(*f.stats(), f.now);
  CHECK(window.evidence().requests == 0);
  CHECK(window.covered() == 0s);
  f.serve(10, 3, 250ms, 0);
  f.serve(5, 0, 400ms, 1);
  window.tick(*f.stats(), f.now + 1s);
  CHECK(window.evidence().requests == 15);
  CHECK(window.evidence().errors == 3);
  CHECK(window.evidence().by_outcome[static_cast<std::size_t>(Outcome::server_error)] == 3);
  CHECK(window.evidence().latency_samples == 12);
  CHECK(window.evidence().over_slo == 12);
  CHECK(window.evidence().over_trigger == 5);
  CHECK(window.evidence().latency.count() == 12);
  CHECK(window.covered() == 1s);
}

TEST_CASE("a full window covers between 14/15 of its length and all of it, exactly", "[window]") {
  base::Random random(21);
  for (const base::Duration length :
       {base::Duration(1min), base::Duration(10s), base::Duration(15ms), base::Duration(7 * 24h)}) {
    Fixture f;
    Window window(length);
    struct Served {
      base::MonoTime time;
      int requests;
    };
    std::deque<Served> served;  // what was served up to and including each tick
    window.tick(*f.stats(), f.now);
    const auto begin = f.now;
    for (int tick = 0; tick < 300; ++tick) {
      f.now += length / 60 + base::Duration(random.below(1000));
      const int requests = static_cast<int>(random.below(5));
      f.serve(requests, 0);
      served.push_back({f.now, requests});
      window.tick(*f.stats(), f.now);
      REQUIRE(window.covered() <= length);
      if (f.now - begin > length) REQUIRE(window.covered() >= length / 15 * 14 - length / 50);
      std::uint64_t expected = 0;
      for (const Served& s : served)
        if (s.time > f.now - window.covered()) expected += static_cast<std::uint64_t>(s.requests);
      REQUIRE(window.evidence().requests == expected);
    }
  }
}

TEST_CASE("what has left the window is not in it any more", "[window]") {
  Fixture f;
  Window window(1min);
  window.tick(*f.stats(), f.now);
  f.serve(100, 100);
  for (int second = 1; second <= 59; ++second) window.tick(*f.stats(), f.now += 1s);
  CHECK(window.evidence().errors == 100);
  for (int second = 0; second <= 10; ++second) window.tick(*f.stats(), f.now += 1s);
  CHECK(window.evidence().errors == 0);
}

TEST_CASE("ticks further apart than the window reach back to the tick before", "[window]") {
  Fixture f;
  Window window(10s);
  window.tick(*f.stats(), f.now);
  for (int i = 1; i <= 5; ++i) {
    f.serve(i, 0);
    window.tick(*f.stats(), f.now += 30s);
    CHECK(window.evidence().requests == static_cast<std::uint64_t>(i));
    CHECK(window.covered() == 30s);
  }
}

TEST_CASE("a window never crosses a latency epoch", "[window]") {
  Fixture f;
  Window window(1min);
  window.tick(*f.stats(), f.now);
  f.serve(10, 5, 250ms);
  window.tick(*f.stats(), f.now += 1s);
  CHECK(window.evidence().over_slo == 5);
  f.bounds.slo = 100ms;
  window.tick(*f.stats(), f.now += 1s);
  CHECK(window.evidence().requests == 0);
  CHECK(window.evidence().errors == 0);
  CHECK(window.evidence().latency_samples == 0);
  CHECK(window.covered() == 0s);
  f.serve(4, 1, 150ms);
  window.tick(*f.stats(), f.now += 1s);
  CHECK(window.evidence().requests == 4);
  CHECK(window.evidence().errors == 1);
  CHECK(window.evidence().over_slo == 3);
  CHECK(window.covered() == 1s);
}

TEST_CASE("a restarted window knows nothing of what was before", "[window]") {
  Fixture f;
  Window window(1min);
  window.tick(*f.stats(), f.now);
  f.serve(10, 10);
  window.tick(*f.stats(), f.now += 1s);
  f.serve(10, 10);
  window.restart(*f.stats(), f.now += 1s);
  CHECK(window.evidence().requests == 0);
  f.serve(7, 0);
  window.tick(*f.stats(), f.now += 1s);
  CHECK(window.evidence().requests == 7);
  CHECK(window.evidence().errors == 0);
}

TEST_CASE("counters read one by one never give more errors than requests", "[window]") {
  Evidence earlier, later;
  later.requests = 1;
  later.errors = 2;
  later.over_slo = 3;
  const Evidence d = later.since(earlier);
  CHECK(d.errors == 1);
  CHECK(d.over_slo == 0);
  CHECK(earlier.since(later).requests == 0);
}

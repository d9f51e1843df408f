#include "analysis/threshold.hpp"

#include <catch2/catch.hpp>

using namespace canary::analysis;
using namespace std::chrono_literals;

namespace {

const Thresholds errors{0.001, 0.005, 200, 1min};
const Thresholds latency{0.2, 0.3, 200, 1min};

}  // namespace

TEST_CASE("the error rate is judged against two limits, and the reason carries the numbers") {
  struct Row {
    std::uint64_t errors, requests;
    Verdict verdict;
    const char* reason;
  };
  const Row rows[] = {
      {0, 0, Verdict::inconclusive, "0 of 200 samples in 1m"},
      {12, 12, Verdict::inconclusive, "12 of 200 samples in 1m"},
      {199, 199, Verdict::inconclusive, "199 of 200 samples in 1m"},
      {0, 200, Verdict::success, "error rate 0% <= 0.1% (0 of 200 requests in 1m)"},
      {9, 10000, Verdict::success, "error rate 0.09% < 0.1% (9 of 10000 requests in 1m)"},
      {1, 1000, Verdict::inconclusive,
       "error rate 0.1%, between 0.1% and 0.5% (1 of 1000 requests in 1m)"},
      {5, 1000, Verdict::inconclusive,
       "error rate 0.5%, between 0.1% and 0.5% (5 of 1000 requests in 1m)"},
      {6, 1000, Verdict::failure, "error rate 0.6% > 0.5% (6 of 1000 requests in 1m)"},
      {42, 1000, Verdict::failure, "error rate 4.2% > 0.5% (42 of 1000 requests in 1m)"},
      {200, 200, Verdict::failure, "error rate 100% > 0.5% (200 of 200 requests in 1m)"},
  };
  for (const Row& row : rows) {
    const Reading reading = judge_error_rate(row.errors, row.requests, errors);
    CAPTURE(row.errors, row.requests);
    CHECK(name(reading.verdict) == name(row.verdict));
    CHECK(reading.reason == row.reason);
    CHECK(reading.criterion == "error_rate");
    CHECK(reading.samples == row.requests);
    CHECK(reading.limit == 0.005);
    CHECK(reading.success_limit == 0.001);
  }
}

TEST_CASE("a failure is shared when the canary's share is stable's, within a limit and chance") {
  struct Row {
    Share canary, stable;
    bool shared;
  };
  const Row rows[] = {
      {{50, 50}, {50, 50}, true},
      {{30, 100}, {300, 1000}, true},
      {{4, 100}, {20, 1000}, true},     // twice as many, by chance
      {{100, 100}, {20, 1000}, false},  // stable's 2% is no excuse for all of them
      {{20, 20}, {2, 100}, false},
      {{300, 1000}, {20, 1000}, false},
      {{0, 100}, {50, 100}, true},                       // better than stable
      {{24'000, 1'000'000}, {20'000, 1'000'000}, true},  // within the limit, however certain
      {{40'000, 1'000'000}, {20'000, 1'000'000}, false},
      {{10, 10}, {0, 0}, false},
      {{0, 0}, {10, 10}, false}};
  for (const Row& row : rows) {
    CAPTURE(row.canary.bad, row.canary.of, row.stable.bad, row.stable.of);
    CHECK(is_shared(row.canary, row.stable, 0.005, 5) == row.shared);
  }
}

TEST_CASE("what stable's own share excuses") {
  struct Row {
    Share canary, stable;
    Excuse excuse;
  };
  const Row rows[] = {
      {{50, 50}, {500, 500}, Excuse::shared},
      {{200, 200}, {23, 23}, Excuse::shared},  // few of stable's, but all of them bad
      {{10, 200}, {2, 200}, Excuse::shared},   // enough of them
      {{200, 200}, {4, 4}, Excuse::pending},   // too few to tell
      {{10, 200}, {1, 100}, Excuse::pending},
      {{40, 200}, {1, 100}, Excuse::none},  // one stray error excuses no canary that is far worse
      {{10, 200}, {1, 400}, Excuse::none},
      {{200, 200}, {0, 0}, Excuse::none},        // none of stable's
      {{200, 200}, {1, 20}, Excuse::none},       // beyond the limit, but far from all
      {{4, 600}, {20, 5400}, Excuse::pending},   // 0.67% and 0.37%: on its way there
      {{4, 600}, {5, 5400}, Excuse::none},       // 0.09%: as good as ever
      {{10, 600}, {6, 5400}, Excuse::none},      // 1.7% and 0.11%: not by chance
      {{60, 600}, {20, 5400}, Excuse::none},     // 10%: whatever stable does, this is another thing
      {{0, 600}, {20, 5400}, Excuse::pending}};  // nothing to excuse
  for (const Row& row : rows) {
    CAPTURE(row.canary.bad, row.canary.of, row.stable.bad, row.stable.of);
    CHECK(excuse(row.canary, row.stable, 0.005, 200) == row.excuse);
  }
}

TEST_CASE("a limit that came from per cent still equals the ratio it names") {
  for (int tenths = 1; tenths <= 1000; ++tenths) {
    const Thresholds limits{0, tenths / 10.0 / 100.0, 1, 1min};
    const auto at_limit = static_cast<std::uint64_t>(tenths);
    CAPTURE(tenths);
    CHECK(judge_error_rate(at_limit, 1000, limits).verdict == Verdict::inconclusive);
    CHECK(judge_error_rate(at_limit + 1, 1000, limits).verdict == Verdict::failure);
  }
}

TEST_CASE("no data is not success, whatever the minimum says") {
  const Thresholds careless{0.001, 0.005, 0, 1min};
  CHECK(judge_error_rate(0, 0, careless).verdict == Verdict::inconclusive);
  CHECK(judge_latency_p95({}, careless).verdict == Verdict::inconclusive);
  CHECK(judge_error_rate(0, 1, careless).verdict == Verdict::success);
}

TEST_CASE("no error at all is a success even where the success limit is 0") {
  const Thresholds strict{0, 0.005, 1, 1min};
  CHECK(judge_error_rate(0, 10, strict).verdict == Verdict::success);
  CHECK(judge_error_rate(1, 1000, strict).verdict == Verdict::inconclusive);
}

TEST_CASE("the p95 is judged by exact counts: more than 5% slower is a p95 above the limit") {
  struct Row {
    std::uint64_t samples, over_slo, over_trigger;
    double p95;
    Verdict verdict;
    const char* reason;
  };
  const Row rows[] = {
      {12, 12, 12, 9, Verdict::inconclusive, "12 of 200 samples in 1m"},
      {200, 0, 0, 0.18, Verdict::success,
       "p95 180 ms <= 200 ms (0% of 200 responses slower, in 1m)"},
      {200, 10, 0, 0.2, Verdict::success,
       "p95 200 ms <= 200 ms (5% of 200 responses slower, in 1m)"},
      {200, 11, 10, 0.25, Verdict::inconclusive,
       "p95 250 ms > 200 ms (5.5% of 200 responses slower, in 1m), not yet above 300 ms"},
      {200, 200, 10, 0.3, Verdict::inconclusive,
       "p95 300 ms > 200 ms (100% of 200 responses slower, in 1m), not yet above 300 ms"},
      {200, 200, 11, 0.312, Verdict::failure,
       "p95 312 ms > 300 ms (5.5% of 200 responses slower, in 1m)"},
      {219, 219, 10, 0.25, Verdict::inconclusive,
       "p95 250 ms > 200 ms (100% of 219 responses slower, in 1m), not yet above 300 ms"},
      {219, 219, 11, 1.5, Verdict::failure,
       "p95 1.5 s > 300 ms (5.02% of 219 responses slower, in 1m)"},
  };
  for (const Row& row : rows) {
    const Reading reading =
        judge_latency_p95({row.samples, row.over_slo, row.over_trigger, row.p95}, latency);
    CAPTURE(row.samples, row.over_slo, row.over_trigger);
    CHECK(name(reading.verdict) == name(row.verdict));
    CHECK(reading.reason == row.reason);
    CHECK(reading.criterion == "latency_p95");
    CHECK(reading.value == row.p95);
    CHECK(reading.limit == 0.3);
  }
}

TEST_CASE("a shown p95 that contradicts the exact counts is left out of the reason") {
  // The slow requests are still waiting: the histogram of finished ones does not know them.
  const Reading failure = judge_latency_p95({400, 40, 40, 0.05}, latency);
  CHECK(failure.verdict == Verdict::failure);
  CHECK(failure.reason == "p95 > 300 ms (10% of 400 responses slower, in 1m)");
  const Reading success = judge_latency_p95({400, 20, 0, 0.201}, latency);
  CHECK(success.verdict == Verdict::success);
  CHECK(success.reason == "p95 <= 200 ms (5% of 400 responses slower, in 1m)");
}

TEST_CASE("a latency's value, limits and verdict always agree") {
  // Whatever the histogram says, the value lies where the exact counts put it.
  for (const double p95 : {0.0, 0.1, 0.2, 0.201, 0.25, 0.3, 0.301, 9.0})
    for (const std::uint64_t over_slo : {0u, 10u, 11u, 200u})
      for (const std::uint64_t over_trigger : {0u, 10u, 11u, 200u}) {
        if (over_trigger > over_slo) continue;
        const Reading reading = judge_latency_p95({200, over_slo, over_trigger, p95}, latency);
        CAPTURE(p95, over_slo, over_trigger, reading.reason);
        CHECK((reading.value > reading.limit) == (reading.verdict == Verdict::failure));
        CHECK((reading.value <= reading.success_limit) == (reading.verdict == Verdict::success));
      }
}

TEST_CASE("a verdict never improves when errors are added") {
  const auto severity = [](Verdict verdict) {
    return verdict == Verdict::success ? 0 : verdict == Verdict::inconclusive ? 1 : 2;
  };
  for (const std::uint64_t requests : {200u, 333u, 1000u, 4096u}) {
    int worst = 0;
    for (std::uint64_t count = 0; count <= requests; ++count) {
      const int now = severity(judge_error_rate(count, requests, errors).verdict);
      REQUIRE(now >= worst);
      worst = now;
    }
    CHECK(worst == 2);
  }
}

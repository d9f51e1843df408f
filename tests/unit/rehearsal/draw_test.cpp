#include "rehearsal/draw.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "rehearsal/latencies.hpp"

using namespace canary;
using namespace canary::rehearsal;
using namespace std::chrono_literals;

namespace {

struct Moments {
  double mean = 0, variance = 0;
};

constexpr int draws = 40000;

template <class Draw>
Moments moments_of(Draw&& draw) {
  double sum = 0, squares = 0;
  for (int i = 0; i < draws; ++i) {
    const auto value = static_cast<double>(draw());
    sum += value;
    squares += value * value;
  }
  const double mean = sum / draws;
  return {mean, squares / draws - mean * mean};
}

/// Six standard errors of the mean: a right distribution fails with one seed in a billion.
void check(const Moments& found, double mean, double variance) {
  CHECK(std::abs(found.mean - mean) <= 6 * std::sqrt(variance / draws));
  CHECK(found.variance == Approx(variance).epsilon(0.1));
}

}  // namespace

TEST_CASE("requests come as in a Poisson process", "[draw]") {
  base::Random random(1);
  for (const double mean : {0.1, 3.0, 9.9, 10.1, 80.0, 5000.0}) {
    CAPTURE(mean);
    check(moments_of([&] { return draw_poisson(mean, random); }), mean, mean);
  }
  CHECK(draw_poisson(0, random) == 0);
}

TEST_CASE("the split and the errors are binomial", "[draw]") {
  base::Random random(2);
  const std::pair<std::uint64_t, double> table[] = {{10, .1},   {10, .9},     {1000, .001},
                                                    {1000, .5}, {100000, .1}, {100000, .97}};
  for (const auto& [n, p] : table) {
    CAPTURE(n, p);
    const double trials = static_cast<double>(n), share = p;
    check(moments_of([&, n = n] { return draw_binomial(n, share, random); }), trials * share,
          trials * share * (1 - share));
  }
  CHECK(draw_binomial(7, 0, random) == 0);
  CHECK(draw_binomial(7, 1, random) == 7);
  CHECK(draw_binomial(0, .5, random) == 0);
}

TEST_CASE("errors of predictions are gamma distributed", "[draw]") {
  base::Random random(3);
  for (const double shape : {0.3, 1.0, 25.0}) {
    CAPTURE(shape);
    check(moments_of([&] { return draw_gamma(shape, random); }), shape, shape);
  }
}

TEST_CASE("latencies have the quantiles that were asked for, and exact shares above the bounds",
          "[latencies]") {
  const Latencies latencies({{.5, 60ms}, {.95, 200ms}}, {200ms, 300ms, false});
  CHECK(latencies.share_within(60ms) == Approx(.5).margin(1e-6));
  CHECK(latencies.share_within(200ms) == Approx(.95).margin(1e-6));
  const double beyond = 1 - latencies.share_within(300ms);
  for (const std::uint64_t at_once : {100u, 20000u}) {  // one by one, and by slots
    base::Random random(4);
    const std::uint64_t n = 400000;
    std::uint64_t slow = 0, slower = 0, fast = 0;
    std::vector<LatencyGroup> groups;
    for (std::uint64_t i = 0; i < n; i += at_once) {
      latencies.draw(at_once, random, groups);
      std::uint64_t drawn = 0;
      for (const auto& group : groups) {
        drawn += group.count;
        if (group.latency > 200ms) slow += group.count;
        if (group.latency > 300ms) slower += group.count;
        if (group.latency <= 60ms) fast += group.count;
      }
      REQUIRE(drawn == at_once);
    }
    const auto within = [](std::uint64_t found, double share) {
      const double expected = static_cast<double>(n) * share;
      CHECK(std::abs(static_cast<double>(found) - expected) <= 6 * std::sqrt(expected));
    };
    within(slow, .05);
    within(slower, beyond);
    within(fast, .5);
  }
}

TEST_CASE("more quantiles bend the distribution, and a maximum ends it", "[latencies]") {
  const Latencies latencies({{.5, 10ms}, {.9, 20ms}, {.99, 1s}, {1, 1500ms}}, {});
  CHECK(latencies.share_within(20ms) == Approx(.9).margin(1e-6));
  CHECK(latencies.share_within(1s) == Approx(.99).margin(1e-6));
  CHECK(latencies.quantile(.95) > 30ms);
  CHECK(latencies.quantile(.99999) == 1500ms);
  const Latencies constant({{.5, 70ms}}, {});
  base::Random random(5);
  std::vector<LatencyGroup> groups;
  constant.draw(50, random, groups);
  for (const auto& group : groups) CHECK(std::abs((group.latency - 70ms).count()) <= 100);
}

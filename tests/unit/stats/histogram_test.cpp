#include "stats/histogram.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>

#include "base/random.hpp"

using namespace canary;
using namespace std::chrono_literals;
using stats::Histogram;

namespace {

double relative_error(base::Duration exact, base::Duration read) {
  return std::abs(static_cast<double>((read - exact).count())) / static_cast<double>(exact.count());
}

// Spread evenly over the magnitudes from 64 us to 19 h.
base::Duration random_value(base::Random& random) {
  const double log2_us = 6 + random.unit() * 29.9;
  return base::Duration(static_cast<std::int64_t>(std::exp2(log2_us) * 1000));
}

// inf{x : F(x) >= q} by sorting, with q in thousandths so that the rank is exact.
base::Duration exact_quantile(std::vector<base::Duration> values, std::size_t thousandths) {
  std::sort(values.begin(), values.end());
  const std::size_t rank = (thousandths * values.size() + 999) / 1000;
  return values[std::max<std::size_t>(rank, 1) - 1];
}

}  // namespace

TEST_CASE("a value is read back within one per cent at every magnitude", "[histogram]") {
  base::Random random(11);
  for (int i = 0; i < 200000; ++i) {
    const auto value = random_value(random);
    const auto read = Histogram::middle(Histogram::bucket_of(value));
    CAPTURE(value.count());
    REQUIRE(relative_error(value, read) <= 0.01);
  }
}

TEST_CASE("a value below 64 us is read back within half a microsecond", "[histogram]") {
  for (std::int64_t ns = 0; ns < 64000; ++ns) {
    const base::Duration value(ns);
    const auto read = Histogram::middle(Histogram::bucket_of(value));
    REQUIRE(std::abs((read - value).count()) <= 500);
  }
}

TEST_CASE("buckets are in the order of their values and leave no gap", "[histogram]") {
  for (std::size_t i = 0; i < Histogram::bucket_count; ++i)
    REQUIRE(Histogram::bucket_of(Histogram::middle(i)) == i);
  for (std::size_t i = 1; i < Histogram::bucket_count; ++i)
    REQUIRE(Histogram::middle(i) > Histogram::middle(i - 1));
}

TEST_CASE("values that no bucket was made for go to the first or the last", "[histogram]") {
  CHECK(Histogram::bucket_of(-5s) == 0);
  CHECK(Histogram::bucket_of(0s) == 0);
  CHECK(Histogram::bucket_of(1000h) == Histogram::bucket_count - 1);
  CHECK(Histogram::bucket_of(base::Duration::max()) == Histogram::bucket_count - 1);
  const base::Duration limit((1ll << 36) * 1000);
  CHECK(Histogram::bucket_of(limit) == Histogram::bucket_count - 1);
  CHECK(Histogram::bucket_of(limit - 1us) == Histogram::bucket_count - 1);
}

TEST_CASE("quantiles agree with exact sorting within one per cent", "[histogram]") {
  base::Random random(12);
  for (const std::size_t size : {1u, 2u, 19u, 20u, 21u, 100u, 999u, 5000u}) {
    auto histogram = std::make_unique<Histogram>();
    std::vector<base::Duration> values;
    for (std::size_t i = 0; i < size; ++i) {
      values.push_back(random_value(random));
      histogram->add(values.back());
    }
    Histogram::Snapshot snapshot;
    snapshot.add(*histogram);
    REQUIRE(snapshot.count() == size);
    for (const std::size_t thousandths : {1u, 70u, 290u, 500u, 560u, 900u, 950u, 990u, 1000u}) {
      CAPTURE(size, thousandths);
      const auto exact = exact_quantile(values, thousandths);
      const auto read = snapshot.quantile(static_cast<double>(thousandths) / 1000);
      CHECK(relative_error(exact, read) <= 0.01);
    }
  }
}

TEST_CASE("a difference of snapshots holds what came between them", "[histogram]") {
  Histogram histogram;
  Histogram::Snapshot before, after;
  CHECK(before.count() == 0);
  CHECK(before.quantile(0.95) == 0s);
  histogram.add(10s);
  before.add(histogram);
  for (int i = 0; i < 3; ++i) histogram.add(1ms);
  after.add(histogram);
  const auto between = after.since(before);
  CHECK(between.count() == 3);
  CHECK(relative_error(1ms, between.quantile(1)) <= 0.01);
  CHECK(after.since({}).count() == 4);
  CHECK(Histogram::Snapshot().since(after).count() == 0);
}

TEST_CASE("snapshots add up over workers", "[histogram]") {
  Histogram a, b;
  a.add(1ms);
  b.add(100ms);
  Histogram::Snapshot both;
  both.add(a);
  both.add(b);
  CHECK(both.count() == 2);
  CHECK(relative_error(1ms, both.quantile(0.5)) <= 0.01);
  CHECK(relative_error(100ms, both.quantile(0.51)) <= 0.01);
}

TEST_CASE("a snapshot holds the whole range that was touched, however it grew", "[histogram]") {
  Histogram low, high;
  Histogram::Snapshot before, after;
  low.add(1ms, 3);
  before.add(low);
  low.add(10us);
  low.add(1s, 2);
  high.add(20h);
  for (const auto* histogram : {&low, &high}) after.add(*histogram);
  CHECK(after.count() == 7);
  CHECK(relative_error(10us, after.quantile(1.0 / 7)) <= 0.05);
  CHECK(after.quantile(1) > 18h);
  const auto between = after.since(before);
  CHECK(between.count() == 4);
  CHECK(relative_error(1s, between.quantile(0.75)) <= 0.01);
  CHECK(before.since(after).count() == 0);
}

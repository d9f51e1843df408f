#include "base/clock.hpp"

#include <catch2/catch.hpp>

using namespace canary::base;
using namespace std::chrono_literals;

TEST_CASE("times are written as RFC 3339 in UTC with milliseconds", "[clock]") {
  CHECK(format_time(WallTime{}) == "1970-01-01T00:00:00.000Z");
  CHECK(format_time(WallTime{1'795'414'711'042ms}) == "2026-11-23T06:18:31.042Z");
  CHECK(format_time(WallTime{951'782'400s + 999'999us}) == "2000-02-29T00:00:00.999Z");
  CHECK(format_time(WallTime{-1ms}) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("the manual clock moves only when told, both of its times together", "[clock]") {
  ManualClock clock;
  const auto mono = clock.mono();
  const auto wall = clock.wall();
  CHECK(clock.mono() == mono);
  clock.advance(90s);
  CHECK(clock.mono() - mono == 90s);
  CHECK(clock.wall() - wall == 90s);
}

TEST_CASE("the system's monotonic clock does not go back", "[clock]") {
  const SystemClock clock;
  auto last = clock.mono();
  for (int i = 0; i < 1000; ++i) {
    const auto now = clock.mono();
    REQUIRE(now >= last);
    last = now;
  }
}

#include "base/running_time.hpp"

#include <catch2/catch.hpp>

namespace canary::base {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime start{1h};

}  // namespace

TEST_CASE("What a thread comes back too late by is left out of its time, and nothing else") {
  struct Row {
    Duration rest, gap, left_out;
  };
  const Row rows[] = {{0ms, 0ms, 0ms},     {0ms, 50ms, 0ms},          {0ms, 51ms, 51ms},
                      {100ms, 100ms, 0ms}, {100ms, 150ms, 0ms},       {100ms, 151ms, 51ms},
                      {100ms, 4s, 3900ms}, {250ms, 10h, 10h - 250ms}, {Duration::max(), 1h, 0ms}};
  for (const Row& row : rows) {
    CAPTURE(row.rest.count(), row.gap.count());
    RunningTime time(start);
    CHECK(time.read(start + row.gap, row.rest) == start + row.gap - row.left_out);
    CHECK(time.paused() == row.left_out);
    CHECK(time.clock() == start + row.gap);
  }
}

TEST_CASE("Pauses add up, however short, and time never goes back") {
  RunningTime time(start);
  MonoTime clock = start, before = start;
  for (int i = 1; i <= 100; ++i) {
    const MonoTime now = time.read(clock += i % 2 == 0 ? 90ms : 10ms, 0ms);
    CHECK(now >= before);
    before = now;
  }
  CHECK(time.paused() == 50 * 90ms);
  CHECK(before == start + 50 * 10ms);
}

TEST_CASE("The end of a pause is noted when it was long enough for others to notice") {
  RunningTime time(start);
  time.read(start + 499ms, 0ms);
  CHECK(time.resumed_at() == MonoTime{});
  const MonoTime now = time.read(start + 999ms, 0ms);
  CHECK(time.resumed_at() == now);
  CHECK(now == start);
  CHECK(time.read(start + 1009ms, 0ms) == start + 10ms);
  CHECK(time.resumed_at() == start);
}

TEST_CASE("A running clock leaves out what passes between two looks that are too far apart") {
  ManualClock real;
  const RunningClock clock(real, 250ms);
  const MonoTime before = clock.mono();
  real.advance(250ms);
  CHECK(clock.mono() == before + 250ms);
  real.advance(1h);
  CHECK(clock.paused() == 1h - 250ms);
  CHECK(clock.mono() == before + 500ms);
  CHECK(clock.shared() == real.mono());
  CHECK(clock.wall() == real.wall());
}

}  // namespace canary::base

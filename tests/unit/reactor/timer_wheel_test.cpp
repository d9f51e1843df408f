#include "reactor/timer_wheel.hpp"

#include <catch2/catch.hpp>

#include <functional>
#include <list>
#include <memory>

#include "base/random.hpp"

namespace canary::reactor {
namespace {

using namespace std::chrono_literals;
using base::Duration;

constexpr MonoTime start{std::chrono::hours(1)};

struct Alarm final : Timer {
  void on_timer(MonoTime now) override {
    fired.push_back(now);
    if (then) then();
  }
  std::vector<MonoTime> fired;
  std::function<void()> then;
};

// Advances in small steps, as a busy reactor does.
void advance(TimerWheel& wheel, MonoTime& now, Duration by, Duration step = 10ms) {
  for (const MonoTime end = now + by; now < end;) wheel.advance(now += std::min(step, end - now));
}

}  // namespace

TEST_CASE("A timer fires once, not before its deadline and at most a tick after it") {
  const auto delay = GENERATE(as<Duration>{}, 0ns, 1ns, 99ms, 100ms, 101ms, 5s, 51s, 52s, 103s, 1h);
  TimerWheel wheel(start);
  Alarm alarm;
  MonoTime now = start;
  wheel.arm(alarm, start + delay);
  advance(wheel, now, delay + 1s);
  REQUIRE(alarm.fired.size() == 1);
  CHECK(alarm.fired[0] >= start + delay);
  CHECK(alarm.fired[0] <= start + delay + TimerWheel::tick + 10ms);
  CHECK(wheel.wait_ms(now) == -1);
}

TEST_CASE("A deadline that is moved later counts from its last place") {
  TimerWheel wheel(start);
  Alarm alarm;
  MonoTime now = start;
  for (int i = 0; i < 100; ++i) {
    wheel.arm(alarm, now + 1s);
    advance(wheel, now, 50ms);
  }
  CHECK(alarm.fired.empty());
  advance(wheel, now, 1s);
  CHECK(alarm.fired.size() == 1);
}

TEST_CASE("A deadline that is moved earlier fires earlier, and once") {
  TimerWheel wheel(start);
  Alarm alarm;
  MonoTime now = start;
  wheel.arm(alarm, start + 10s);
  wheel.arm(alarm, start + 1s);
  advance(wheel, now, 20s);
  REQUIRE(alarm.fired.size() == 1);
  CHECK(alarm.fired[0] < start + 1200ms);
}

TEST_CASE("A disarmed timer does not fire, and can be armed again") {
  TimerWheel wheel(start);
  Alarm alarm;
  MonoTime now = start;
  wheel.arm(alarm, start + 1s);
  wheel.disarm(alarm);
  advance(wheel, now, 500ms);
  wheel.arm_if_idle(alarm, start + 2s);
  wheel.arm_if_idle(alarm, start + 600ms);  // it is armed
  advance(wheel, now, 1s);
  CHECK(alarm.fired.empty());
  advance(wheel, now, 1s);
  CHECK(alarm.fired.size() == 1);
}

TEST_CASE("A deadline next to the end of time never fires and overflows nothing") {
  TimerWheel wheel(start);
  Alarm alarm;
  MonoTime now = start;
  wheel.arm(alarm, MonoTime::max() - 1ns);
  advance(wheel, now, 200s, 1s);
  CHECK(alarm.fired.empty());
}

TEST_CASE("After a long sleep everything that is due fires, and nothing else") {
  TimerWheel wheel(start);
  std::list<Alarm> alarms(300);
  int i = 0;
  for (Alarm& alarm : alarms) wheel.arm(alarm, start + 1s * ++i);
  wheel.advance(start + 150s);
  i = 0;
  for (Alarm& alarm : alarms) CHECK(alarm.fired.size() == (++i <= 150 ? 1 : 0));
}

TEST_CASE("wait_ms leads to the next tick, and to -1 when nothing hangs in the wheel") {
  TimerWheel wheel(start);
  CHECK(wheel.wait_ms(start) == -1);
  Alarm alarm;
  wheel.arm(alarm, start + 5s);
  CHECK(wheel.wait_ms(start) == 100);
  CHECK(wheel.wait_ms(start + 1ns) == 100);
  CHECK(wheel.wait_ms(start + 60ms) == 40);
  CHECK(wheel.wait_ms(start + 1s) == 0);
}

TEST_CASE("Timers may be armed, disarmed and destroyed while one fires") {
  TimerWheel wheel(start);
  MonoTime now = start;
  Alarm first, later;
  auto doomed = std::make_unique<Alarm>();
  Alarm silenced;
  first.then = [&] {
    doomed.reset();
    wheel.disarm(silenced);
    wheel.arm(later, now + 1s);
    if (first.fired.size() < 3) wheel.arm(first, now + 300ms);
  };
  // All in one slot, the one that fires first in front.
  for (Alarm* alarm : {&first, doomed.get(), &silenced}) wheel.arm(*alarm, start + 50ms);
  advance(wheel, now, 5s);
  CHECK(first.fired.size() == 3);
  CHECK(later.fired.size() == 1);
  CHECK(silenced.fired.empty());
  CHECK(wheel.wait_ms(now) == -1);
}

TEST_CASE("A timer that is still armed leaves the wheel when it goes, and the wheel may go first") {
  auto wheel = std::make_unique<TimerWheel>(start);
  Alarm outlives;
  {
    Alarm gone;
    wheel->arm(gone, start + 1s);
    wheel->arm(outlives, start + 1s);
  }
  wheel->advance(start + 2s);
  CHECK(outlives.fired.size() == 1);
  wheel->arm(outlives, start + 9s);
  wheel.reset();
}

TEST_CASE("The wheel does what a sorted list of deadlines would do, within a tick") {
  const auto seed = GENERATE(range(1, 9));
  CAPTURE(seed);
  base::Random random(static_cast<std::uint64_t>(seed));
  TimerWheel wheel(start);
  MonoTime now = start;
  struct Modelled {
    Alarm alarm;
    MonoTime deadline = MonoTime::max();
  };
  std::vector<Modelled> timers(20);
  for (int step = 0; step < 20000; ++step) {
    Modelled& timer = timers[random.below(20)];
    switch (random.below(4)) {
      case 0:
        timer.deadline = now + Duration(1ms) * random.below(random.below(8) == 0 ? 120'000 : 2000);
        wheel.arm(timer.alarm, timer.deadline);
        break;
      case 1:
        timer.deadline = MonoTime::max();
        wheel.disarm(timer.alarm);
        break;
      default:
        now += Duration(1ms) * random.below(random.below(500) == 0 ? 80'000 : 60);
        wheel.advance(now);
    }
    bool right = true;
    for (Modelled& each : timers) {
      if (each.alarm.fired.empty()) {
        right = right && each.deadline > now - 2 * TimerWheel::tick;
        continue;
      }
      right = right && each.alarm.fired.size() == 1 && each.alarm.fired[0] >= each.deadline;
      each.alarm.fired.clear();
      each.deadline = MonoTime::max();
    }
    CAPTURE(step);
    REQUIRE(right);
  }
}

}  // namespace canary::reactor

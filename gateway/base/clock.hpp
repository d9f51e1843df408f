// Time as an argument. Durations and windows run on the monotonic clock; the wall clock is only for
// logs and records, so that a clock jump never promotes or rolls back anything.
#pragma once

#include <chrono>
#include <string>

namespace canary::base {

using Duration = std::chrono::nanoseconds;
using MonoTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

/// Implemented by the system's clocks and by the simulated clock of tests and rehearsals.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonoTime mono() const = 0;
  virtual WallTime wall() const = 0;
  /// Time in which the process did not run, as far as this clock's mono() leaves it out.
  virtual Duration paused() const { return {}; }
  /// What threads compare with each other's: nothing is left out of it.
  MonoTime shared() const { return mono() + paused(); }
};

class SystemClock final : public Clock {
 public:
  MonoTime mono() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
};

/// A clock that moves only when told. Not thread-safe.
class ManualClock final : public Clock {
 public:
  MonoTime mono() const override { return mono_; }
  WallTime wall() const override { return wall_; }
  Duration paused() const override { return paused_; }
  void advance(Duration by) {
    mono_ += by;
    wall_ += by;
  }
  /// The process does not run for so long.
  void pause(Duration by) {
    paused_ += by;
    wall_ += by;
  }

 private:
  MonoTime mono_{std::chrono::hours(1)};
  Duration paused_{};
  WallTime wall_{std::chrono::seconds(1'700'000'000)};
};

/// RFC 3339 in UTC with milliseconds: `2026-11-23T06:18:31.042Z`.
std::string format_time(WallTime time);

}  // namespace canary::base

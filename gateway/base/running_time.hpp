// Time in which the process ran. A process that is stopped (a debugger, a container's pause, a
// virtual machine's, SIGSTOP) or gets no processor time finds, when it goes on, that its clock has
// jumped: what it waited for came meanwhile, and was not late. So each thread whose waits are
// judged goes by a time of its own, which leaves such jumps out. What counts as one, and what does
// not: docs/decisions/0071-paused-time.md.
#pragma once

#include "base/clock.hpp"

namespace canary::base {

/// One thread's. Pure: the clock's time is an argument.
class RunningTime {
 public:
  /// Coming back later than this was no mere scheduling.
  static constexpr Duration tolerance = std::chrono::milliseconds(50);

  explicit RunningTime(MonoTime clock) : clock_(clock) {}

  /// What time it is, by the clock's. `rest`: how long the thread meant to rest since the last
  /// call, at most; Duration::max() when it did not say.
  MonoTime read(MonoTime clock, Duration rest) {
    const Duration gap = clock - clock_;
    clock_ = clock;
    if (gap - tolerance > rest) leave_out(gap - rest);
    return clock - paused_;
  }
  /// The clock's time of the last read(): what threads compare with each other's.
  MonoTime clock() const { return clock_; }
  /// All that was left out.
  Duration paused() const { return paused_; }
  /// The last pause that was long enough for others to lose patience: when it ended, by read().
  /// MonoTime{}: there was none.
  MonoTime resumed_at() const { return resumed_at_; }
  static constexpr Duration noticeable = std::chrono::milliseconds(500);

 private:
  void leave_out(Duration pause) {
    paused_ += pause;
    if (pause >= noticeable) resumed_at_ = clock_ - paused_;
  }

  MonoTime clock_, resumed_at_{};
  Duration paused_{};
};

/// A clock for one thread that asks it at least every `rest`: whoever asks first after a pause
/// notices it.
class RunningClock final : public Clock {
 public:
  RunningClock(const Clock& clock, Duration rest)
      : clock_(clock), rest_(rest), time_(clock.mono()) {}
  MonoTime mono() const override { return time_.read(clock_.mono(), rest_); }
  WallTime wall() const override { return clock_.wall(); }
  Duration paused() const override {
    mono();
    return time_.paused();
  }

 private:
  const Clock& clock_;
  Duration rest_;
  mutable RunningTime time_;
};

}  // namespace canary::base

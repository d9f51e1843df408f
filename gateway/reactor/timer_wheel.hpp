// Deadlines in a coarse hashed wheel: 512 slots of 100 ms. Moving a deadline later only changes its
// stamp; the node finds its new slot when the old one comes up. So a deadline that is moved on with
// every byte costs a store. Fires up to 100 ms late, never early. One thread.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.hpp"

namespace canary::reactor {

using base::MonoTime;

class TimerWheel;

/// Something that wants to be called at its deadline. Unlinks itself when it goes.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual void on_timer(MonoTime now) = 0;

 protected:
  ~Timer();

 private:
  friend class TimerWheel;
  MonoTime deadline_ = MonoTime::max();  // max: disarmed
  MonoTime slot_time_{};                 // when the slot it hangs in comes up
  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  TimerWheel* wheel_ = nullptr;  // set while linked
};

class TimerWheel {
 public:
  static constexpr base::Duration tick = std::chrono::milliseconds(100);

  explicit TimerWheel(MonoTime start);
  ~TimerWheel();

  /// Calls timer.on_timer() once, at the first tick at or after `deadline`.
  void arm(Timer& timer, MonoTime deadline);
  /// The same, unless it is armed already.
  void arm_if_idle(Timer& timer, MonoTime deadline) {
    if (timer.deadline_ == MonoTime::max()) arm(timer, deadline);
  }
  void disarm(Timer& timer) { timer.deadline_ = MonoTime::max(); }

  /// Fires what is due at `now`.
  void advance(MonoTime now);
  /// Until the next tick that may have work, in milliseconds; -1 when nothing hangs in the wheel.
  int wait_ms(MonoTime now) const;

 private:
  friend class Timer;
  static constexpr std::size_t slots = 512;
  struct List final : Timer {
    void on_timer(MonoTime) override {}
  };
  void link(Timer& timer);
  void unlink(Timer& timer);
  void fire_slot(Timer& list, MonoTime now);

  std::array<List, slots> lists_;
  List due_;
  std::int64_t current_ = 0;  // the last tick that was processed
  std::size_t linked_ = 0;
};

}  // namespace canary::reactor

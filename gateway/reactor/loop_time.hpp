// What time it is for everything that one loop handles: read once per event, with the time left out
// in which the process did not run (base/running_time). The loop reads the clock; whoever else has
// this only looks.
#pragma once

#include "base/running_time.hpp"

namespace canary::reactor {

class LoopTime {
 public:
  explicit LoopTime(base::MonoTime clock) : running_(clock), now_(clock) {}

  /// The time of the event that is being handled.
  base::MonoTime now() const { return now_; }
  /// The same with nothing left out: what other threads compare.
  base::MonoTime shared_now() const { return running_.clock(); }
  base::Duration paused() const { return running_.paused(); }
  /// When a noticeable pause of the process last ended, by now(); MonoTime{}: there was none.
  base::MonoTime resumed_at() const { return running_.resumed_at(); }
  bool paused_within(base::Duration last) const {
    return resumed_at() != base::MonoTime{} && now() - resumed_at() < last;
  }

  /// The loop's own: the clock says `clock`, and it meant to rest for at most `rest`.
  void read(base::MonoTime clock, base::Duration rest) { now_ = running_.read(clock, rest); }

 private:
  base::RunningTime running_;
  base::MonoTime now_;
};

}  // namespace canary::reactor

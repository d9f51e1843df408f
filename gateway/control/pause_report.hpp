// Tells people of pauses of the process. What is timed goes on as if the process had run, but they
// may wonder why nothing was answered (docs/decisions/0071-paused-time.md). Control thread.
#pragma once

#include <chrono>
#include <utility>

#include "base/clock.hpp"
#include "log/log.hpp"

namespace canary::control {

class PauseReport {
 public:
  /// What was before is not told.
  void begin(const base::Clock& clock) { told_ = clock.paused(); }
  void look(const base::Clock& clock) {
    const base::Duration paused = clock.paused();
    const base::Duration last = paused - std::exchange(told_, paused);
    if (last < told_from) return;
    log::warn("process_paused", {{"seconds", std::chrono::duration<double>(last).count()}});
  }

 private:
  static constexpr base::Duration told_from = std::chrono::seconds(1);  // a shorter one is no news

  base::Duration told_{};
};

}  // namespace canary::control

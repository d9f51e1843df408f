// Looks after the latch file while the gateway runs: a file that was damaged, replaced or removed
// is told and made anew from memory, and slots that become few are told early. Control thread.
#pragma once

#include <string>
#include <vector>

#include "control/core.hpp"

namespace canary::control {

class LatchWatch {
 public:
  explicit LatchWatch(Core& core) : core_(core) {}

  /// Once per tick.
  void tick(base::MonoTime now);
  LatchView view() const;
  std::vector<LatchedView> latched() const;

 private:
  void check(base::MonoTime now);
  void count_slots();
  void take_missing_slots();

  Core& core_;
  std::uint64_t damages_ = 0;
  std::string last_damage_, last_told_;
  std::size_t needed_ = 0;
  bool few_ = false;
};

}  // namespace canary::control

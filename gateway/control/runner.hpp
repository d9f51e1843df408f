// Performs decisions in the order that no crash can turn into a raise:
//   a lowering: latch slot, publish, journal, tell   (waits for nothing)
//   a raise:    journal, publish, when in force lift the slot, tell   (one at a time: the gate)
// Control thread.
#pragma once

#include <vector>

#include "control/core.hpp"

namespace canary::control {

/// A decision about one rollout, with the file's term that goes with it.
struct Step {
  Key key;
  base::BasisPoints file = 0;
  rollout::Decision decision;
};

class Runner {
 public:
  explicit Runner(Core& core) : core_(core) {}

  /// An operator's event: decides and performs. `done` as Controller's.
  void command(const Key& key, const rollout::Event& event, Done done);

  /// The tick's readings: whatever fails is rolled back, all in one table; a phase that has ended
  /// is raised unless another raise is on its way, else at a later tick.
  void measured(const std::vector<std::pair<Key, rollout::Measured>>& measurements);

  /// Performs lowerings at once, in one table. `done` when it is in force.
  void lower(const std::vector<Step>& steps, std::function<void(bool durable)> done);

 private:
  bool may_step(const Rollout& rollout) const;
  void refuse(const Key& key, const rollout::Decision& decision, const Done& done);
  void raise(const Key& key, const rollout::Decision& decision, Done done);
  void committed(const Key& key, std::uint64_t version, const rollout::Decision& decision,
                 const base::Result<void>& result, const Done& done);
  Outcome outcome(const Key& key, int status, std::string message, bool durable) const;

  Core& core_;
};

}  // namespace canary::control

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

/// A tick's readings of one rollout, and when the last request came that counts against it.
struct Measurement {
  Key key;
  rollout::Measured measured;
  base::MonoTime last_failure;
};

class Runner {
 public:
  explicit Runner(Core& core) : core_(core) {}

  /// An operator's event: decides and performs, if what it was decided on still holds. `done` as
  /// Controller's.
  void command(const Key& key, const rollout::Event& event, const Basis& basis, Done done) {
    decide({key, event, basis, core_.rollouts.at(key).version, std::move(done)});
  }

  /// The tick's readings: whatever fails is rolled back, all in one table; a phase that has ended
  /// is raised unless another raise is on its way, else at a later tick.
  void measured(const std::vector<Measurement>& measurements);

  /// Performs lowerings at once, in one table. `done` when it is in force. `decided`: when the
  /// request or command came that each is due to; the time until it is in force counts from there.
  void lower(const std::vector<Step>& steps, base::MonoTime decided,
             std::function<void(bool durable)> done);

  /// An event that moves no weight: a step of a proof, a look of its watch, a reminder.
  void note(const Key& key, const rollout::Event& event);

  /// A weight of 0 is in force on every worker.
  void zero_in_force(const Key& key, const std::string& trigger, base::MonoTime decided);
  /// Told when a weight of 0 is in force, with the time since it was decided.
  std::function<void(const Key&, base::Duration)> on_zero_in_force;

 private:
  struct Command {
    Key key;
    rollout::Event event;
    Basis basis;
    std::uint64_t met;  // the rollout's version when the command came
    Done done;
  };
  void decide(const Command& command);
  std::string no_longer_holds(const Command& command) const;
  bool is_one_too_many(const Command& command, const rollout::Decision& decision);
  bool may_step(const Rollout& rollout) const;
  void refuse(const Key& key, const rollout::Decision& decision, const Done& done);
  void raise(const Key& key, const rollout::Decision& decision, Done done);
  struct Raise {
    Key key;
    std::uint64_t version;
    rollout::Decision decision;
    Core::Messages messages;
    Done done;
  };
  void committed(const Raise& raise, const base::Result<void>& result);
  Outcome outcome(const Key& key, int status, std::string message, bool durable) const;

  Core& core_;
};

}  // namespace canary::control

// From a command or a tick to a transition: what it was decided on still holds, advance() says what
// comes of it, and what raises waits for its turn. Control thread.
#pragma once

#include <vector>

#include "control/basis.hpp"
#include "control/command_result.hpp"
#include "control/transition.hpp"

namespace canary::control {

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

  /// An event that moves no weight: a step of a proof, a look of its watch, a reminder.
  void note(const Key& key, const rollout::Event& event);

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
  void lower(const Key& key, const rollout::Decision& decision, Done done);
  void raise(const Key& key, const rollout::Decision& decision, Done done);
  void not_committed(const Key& key, const std::string& error, const Done& done);
  Outcome outcome(const Key& key, int status, std::string message, bool durable) const;

  Core& core_;
};

}  // namespace canary::control

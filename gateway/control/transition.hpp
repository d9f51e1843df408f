// The only place that performs decisions, in the one order that no crash can turn into a raise:
//   a lowering:  latch slot, publish, journal, notify                   (waits for nothing)
//   a raise:     journal, publish, notify, when in force lift the slot  (one at a time: the gate)
// Commands, ticks, the file and the start build steps and hand them over. One transition is one
// table: all of its steps come into force together. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/core.hpp"

namespace canary::control {

/// A decision about one rollout, with the file's term that goes with it.
struct Step {
  Key key;
  base::BasisPoints file = 0;
  rollout::Decision decision;
  // It was decided after each raise of the rollout that is still on its way: those are answered
  // that they were overtaken, also where this changes nothing.
  bool overtakes = false;
  std::vector<std::string> former{};  // the models under which the version was until now
};

class Transition : public std::enable_shared_from_this<Transition> {
 public:
  /// `decided`: when the request or command came that the steps are due to; the time until a weight
  /// of 0 is in force counts from there.
  static std::shared_ptr<Transition> make(Core& core, std::vector<Step> steps,
                                          base::MonoTime decided);

  bool raises() const;

  struct Commit {
    std::string error;       // of the disk; empty: everything is written down
    bool overtaken = false;  // a later decision about one of the rollouts came meanwhile
  };
  /// Closes the gate and writes down the raises, with the messages about them as `config` has them.
  /// `done` performs or withdraws, and then opens the gate (Core::gate).
  void commit(const config::Config& config, std::function<void(const Commit&)> done);

  /// The raises do not happen: they are written over with what is in force.
  void withdraw();
  /// Only their messages are taken back: another transition writes over them.
  void take_back_messages();

  /// A new configuration comes into force with the steps, and before them what it does to versions
  /// that it does not name or names elsewhere, which raises nothing.
  void bring_configuration(std::vector<Step> steps);

  /// Takes effect. `in_force` when every worker has the table; `durable`: whether all of it was
  /// written down by then.
  void perform(std::function<void(bool durable)> in_force = {});

 private:
  Transition(Core& core, std::vector<Step> steps, base::MonoTime decided);
  bool raises(const Step& step) const;
  bool changes(const Step& step) const;
  bool is_overtaken() const;
  struct Put {
    std::vector<const Step*> lowered, raised;
  };
  Put put();
  void lift_slots(const std::vector<std::pair<Key, std::uint64_t>>& raised) const;
  void zero_in_force(const Step& step) const;

  Core& core_;
  std::vector<Step> steps_;
  base::MonoTime decided_;
  std::vector<Ledger::Messages> messages_;  // about the raises
  std::vector<std::uint64_t> versions_;     // of each step's version, when it was decided
  bool new_configuration_ = false;
  std::size_t uncommitted_ = 0;
  Commit commit_;
};

}  // namespace canary::control

// One call of advance(): the state before, and how each event changes it. Seen only by
// advance*.cpp.
#pragma once

#include <string>
#include <vector>

#include "rollout/advance.hpp"

namespace canary::rollout {

std::string percent_text(BasisPoints weight);
/// " by alice: better model" for an operator's hand.
std::string by(const Actor& actor);

class Step {
 public:
  Step(const Rules& rules, const State& state, BasisPoints file, base::WallTime now);

  // advance.cpp: files and people
  Decision operator()(const FileChanged& event);
  Decision operator()(const SetFlag& event);
  Decision operator()(const ClearFlag& event);
  Decision operator()(const Rollback& event);
  Decision operator()(const Resume& event);
  Decision operator()(const Promote& event);
  Decision operator()(const Pause& event);
  Decision operator()(const Complaint& event);
  Decision operator()(const Forget& event);
  Decision operator()(const Retired& event);
  Decision operator()(const Moved& event);
  Decision operator()(const Withdrawn& event);
  Decision operator()(const NamedStable& event);
  Decision operator()(const StateLost& event);
  // advance_tick.cpp: what was measured
  Decision operator()(const Measured& event);
  Decision operator()(const Aged& event);
  // advance_rollback.cpp: how a rollback goes on
  Decision operator()(const Proved& event);
  Decision operator()(const Watched& event);

 private:
  Decision end_of_tick(State next, const std::vector<analysis::Reading>& readings);
  Decision next_phase(State next, EntryKind kind, std::string actor, const std::string& why);
  Decision age(State next, base::Duration elapsed);

  Decision roll_back(Mode mode, const std::string& trigger, std::string actor, std::string reason,
                     const std::vector<analysis::Reading>& readings = {});
  Decision descend(const Measured& event);
  Decision straight_to_zero(std::string actor, const std::string& why);
  Decision next_rung(State next, const std::vector<analysis::Reading>& readings);
  BasisPoints rung_below(BasisPoints weight) const;

  void begin_anew_at_zero(State& next) const;
  std::string plan_change(const State& next) const;
  static void close(State& state);
  void open(State& state) const;
  std::string how_to_open(bool paused) const;
  std::string how_to_raise(const Weight& weight) const;
  std::string how_to_open() const { return how_to_open(state_.paused); }
  BasisPoints effective() const { return weigh(file_, state_).effective; }

  // What every step ends in.
  Decision unchanged() const { return quiet(state_); }
  /// A clock moved, nothing worth recording.
  static Decision quiet(State next) { return {std::move(next), false, std::nullopt, {}}; }
  Decision refused(std::string actor, std::string reason) const;
  /// Settles status, reason, since and proof of a changed state, and writes its entry. While the
  /// latch stays closed its reason stays too: people must still read why. `trigger`: a rollback
  /// begins.
  Decision changed(State next, EntryKind kind, std::string actor, std::string reason,
                   std::string trigger = {}) const;
  /// An entry beside a state whose status and reason stay.
  Decision noted(State next, EntryKind kind, std::string reason,
                 std::string actor = "gateway") const;
  static Decision harmless(Decision decision) {
    if (decision.entry) decision.entry->harmless = true;
    return decision;
  }

  const Rules& rules_;
  const State& state_;
  BasisPoints file_, file_after_;
  base::WallTime now_;
};

}  // namespace canary::rollout

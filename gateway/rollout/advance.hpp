// The one place where a rollout's state changes: advance(rules, state, file, event, now) ->
// Decision. Pure and total; whoever calls it performs the decision (control/runner). The states and
// what leads from one to another: docs/rollout.md, which a test compares with this.
#pragma once

#include <array>
#include <string>
#include <variant>
#include <vector>

#include "analysis/verdict.hpp"
#include "config/entry_kind.hpp"
#include "rollout/phases.hpp"
#include "rollout/state.hpp"

namespace canary::rollout {

/// What the configuration says about a rollout.
struct Rules {
  std::optional<config::Plan> plan;
  bool critical_bug = true;  // a critical complaint is a trigger
  config::RollbackPolicy rollback;
};
inline Rules rules_of(const config::Model& model) {
  return {model.plan, model.triggers.critical_bug, model.rollback};
}
using Mode = config::RollbackPolicy::Mode;
inline std::string_view mode_name(Mode mode) {
  return mode == Mode::gradual ? "gradual" : "immediate";
}

/// Who asks: "gateway" for the controller itself, else what the operator gave.
struct Actor {
  std::string name = "gateway";
  std::string reason;
};

struct FileChanged {  // a configuration was accepted, at start or by reload; the rules are its
  BasisPoints file = 0;
  std::uint32_t attempt = 1;
  // The file had merely ended early and is whole again: the canary goes on in its phase.
  bool goes_on = false;
};
struct Measured {                           // the tick's readings
  std::vector<analysis::Reading> readings;  // the canary's
  base::Duration elapsed{};  // since the last tick; 0 unless the weight was in force all the while
  std::vector<analysis::Reading> stable{};  // stable's own, for the ladder
  bool warming_up = false;                  // no phase's time passes yet
};
struct SetFlag {
  BasisPoints percentage;
  Actor actor;
};
struct ClearFlag {
  Actor actor;
};
struct Rollback {  // an operator's: at once, or down the ladder; latches at 0
  Actor actor;
  Mode mode = Mode::immediate;
};
struct Resume {  // ends a pause; or, without one, opens the latch: cap back to full
  Actor actor;
  bool names_rollback = false;  // whoever asks has said which rollback is meant
};
struct Promote {  // ends the present phase, no more
  Actor actor;
  bool names_phase = false;  // whoever asks has said which phase is meant
};
struct Pause {  // no phase ends until resumed
  Actor actor;
};
struct Complaint {  // a person reports a bug; a critical one is a trigger
  Actor actor;
  bool critical = true;
};
struct Retired {  // no file names the canary any more: its term is 0, what is remembered stays
  bool cut_short = false;  // the file seems to end early
};
struct Moved {       // the version is this model's now
  std::string from;  // the models it was under
};
struct Withdrawn {};  // a raise that was decided does not happen: the state is what it was
struct Forget {       // of a version that no file names: nothing holds it down any more
  Actor actor;
};
struct NamedStable {};  // the file names this canary as stable
struct StateLost {      // what was remembered is gone: latch, to be on the safe side
  std::string reason;
};
struct Proved {  // a step of the proof is done (rollout/state: ProofStep), or was given up
  ProofStep step = ProofStep::none;
  std::string what;  // what was seen, with times and numbers
  bool holds = true;
};
struct Watched {  // a tick after the proof: how stable fares
  std::vector<analysis::Reading> stable;
  base::Duration elapsed{};
};
struct Aged {  // a tick of a promoted canary, which serves as stable
  base::Duration elapsed{};
};
using Event = std::variant<FileChanged, Measured, SetFlag, ClearFlag, Rollback, Resume, Promote,
                           Pause, Complaint, Forget, Retired, Moved, Withdrawn, NamedStable,
                           StateLost, Proved, Watched, Aged>;

using config::EntryKind;

/// One line of the history.
struct Entry {
  EntryKind kind = EntryKind::unknown;
  std::string actor;
  std::string reason;
  std::optional<analysis::Reading> reading;  // what triggered it
  BasisPoints before = 0, after = 0;         // effective weight
  std::uint32_t phase = 0;                   // in which it was decided; 0 without a plan
  bool harmless = false;  // it moved no weight and no latch: of these there may only be so many
};

struct Decision {
  State next;
  bool refused = false;        // then `next` equals the present state, and `entry` says why
                               // and what to do
  std::optional<Entry> entry;  // absent: nothing worth recording happened
  // Exactly when a rollback begins: its criterion, insufficient_data, critical_bug, operator, flag
  // or file (at 0), state_lost. Its number is next.rollbacks.
  std::string trigger;
  Mode mode = Mode::immediate;  // of that rollback
};

/// What begins a rollback, beside the criteria of the model: at once always, or in either mode, as
/// the criteria are. `recovered`: control found it after a crash.
inline constexpr std::array immediate_triggers = {"critical_bug", "flag", "file", "state_lost",
                                                  "recovered"};
inline constexpr std::array triggers_of_either_mode = {"operator", "insufficient_data"};

/// `file` is the present rollout_percentage (the configuration's; not part of the state); with
/// FileChanged it is the one before. Values above 100% are taken as 100%.
/// - Measured: the first failure reading at an effective weight above 0 rolls back: cap 0, latched.
/// - SetFlag above 0 while latched is refused. SetFlag to 0 does not latch. ClearFlag is accepted:
///   the latch holds the weight at 0 whatever the flag says.
/// - FileChanged with a higher attempt opens the latch and begins the plan anew; a lower one is
///   ignored. A higher file while latched is `refused`: the file's term is what it is, the state
///   and the weight do not move, and the entry is the record of it. An edited plan: see fit().
/// - Rollback latches also at weight 0; while latched it is refused. Resume is refused while there
///   is neither latch nor ladder nor pause. With a pause in force it ends the pause alone, unless
///   it names the rollback: whoever paused may not know of a rollback since.
/// - Promote is refused in a phase of which nothing was measured yet, unless it names the phase.
/// - Measured counts the hold clock (then `next` differs without an entry), and ends a phase when
///   its hold has passed and every criterion is a success: not while the canary is warming up. A
///   failure comes first, in every status.
/// - A gradual rollback goes down the ladder: each rung for rung_hold, then the next one unless
///   stable cannot take the load; straight to 0 when another trigger fires, the error rate doubles,
///   or a person says so. On the ladder the weight never rises; whatever takes it to 0 latches.
/// - Whatever takes the weight to 0 begins its proof; a weight above 0 ends it.
/// - Whatever takes the weight to 0, the return is at the plan's first phase with its clock at 0;
///   but a file that merely ended early takes no phase away (goes_on).
/// - An event that changes nothing (the flag it already has) has no entry and is not refused.
Decision advance(const Rules& rules, const State& state, BasisPoints file, const Event& event,
                 base::WallTime now);

/// Whether the step must be durable before it may take effect: the effective weight rises, or, the
/// weight being no lower, one of its terms does (it would show at the next step).
bool raises(const State& before, BasisPoints file_before, const State& after,
            BasisPoints file_after);

/// The lower of two memories of one rollout, term by term; latched if either is, and then in the
/// attempt of the one that is.
State lower_of(const State& one, const State& other);

}  // namespace canary::rollout

// The one place where a rollout's state changes: advance(state, event, now) -> Decision. Pure and
// total; whoever calls it performs the decision (control/runner).
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "analysis/verdict.hpp"
#include "rollout/state.hpp"

namespace canary::rollout {

/// Who asks: "gateway" for the controller itself, else what the operator gave.
struct Actor {
  std::string name = "gateway";
  std::string reason;
};

struct FileChanged {  // a configuration was accepted, at start or by reload
  BasisPoints file = 0;
  std::uint32_t attempt = 1;
};
struct Measured {  // the tick's readings
  std::vector<analysis::Reading> readings;
};
struct SetFlag {
  BasisPoints percentage;
  Actor actor;
};
struct ClearFlag {
  Actor actor;
};
struct Rollback {
  Actor actor;
};  // an operator's immediate rollback: latches
struct Resume {
  Actor actor;
};                  // opens the latch, cap back to full
struct StateLost {  // what was remembered is gone: latch, to be on the safe side
  std::string reason;
};
using Event = std::variant<FileChanged, Measured, SetFlag, ClearFlag, Rollback, Resume, StateLost>;

/// One line of the history.
struct Entry {
  std::string kind;  // rollback, resume, flag, file, attempt, refused, state_lost
  std::string actor;
  std::string reason;
  std::optional<analysis::Reading> reading;  // what triggered it
  BasisPoints before = 0, after = 0;         // effective weight
};

struct Decision {
  State next;
  bool refused = false;        // then `next` equals the present state, and `entry` says why
                               // and what to do
  std::optional<Entry> entry;  // absent: nothing worth recording happened
  std::string trigger;         // criterion of a rollback, "operator" for a person's; else empty
};

/// `file` is the present rollout_percentage (the configuration's; not part of the state); with
/// FileChanged it is the one before. Values above 100% are taken as 100%.
/// - Measured: the first failure reading at an effective weight above 0 rolls back: cap 0, latched.
/// - SetFlag above 0 while latched is refused. SetFlag to 0 does not latch. ClearFlag is accepted:
///   the latch holds the weight at 0 whatever the flag says.
/// - FileChanged with a higher attempt opens the latch; a lower one is ignored. A higher file while
///   latched is `refused`: the file's term is what it is, the state and the weight do not move, and
///   the entry is the record of it.
/// - Rollback latches also at weight 0; while latched it is refused, as is Resume while not
/// latched.
/// - An event that changes nothing (the flag it already has) has no entry and is not refused.
Decision advance(const State& state, BasisPoints file, const Event& event, base::WallTime now);

/// Whether the step must be durable before it may take effect: the effective weight rises, or, the
/// weight being no lower, one of its terms does (it would show at the next step).
bool raises(const State& before, BasisPoints file_before, const State& after,
            BasisPoints file_after);

/// The lower of two memories of one rollout, term by term; latched if either is.
State lower_of(const State& one, const State& other);

}  // namespace canary::rollout

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

struct FileChanged {                 // a configuration was accepted, at start or by reload
  BasisPoints file = 0;
  std::uint32_t attempt = 1;
};
struct Measured {                    // the tick's readings
  std::vector<analysis::Reading> readings;
};
struct SetFlag { BasisPoints percentage; Actor actor; };
struct ClearFlag { Actor actor; };
struct Rollback { Actor actor; };    // an operator's immediate rollback: latches
struct Resume { Actor actor; };      // opens the latch, cap back to full
using Event = std::variant<FileChanged, Measured, SetFlag, ClearFlag, Rollback, Resume>;

/// One line of the history.
struct Entry {
  std::string kind;                  // rollback, resume, flag, file, attempt, refused, state_lost
  std::string actor;
  std::string reason;
  std::optional<analysis::Reading> reading;  // what triggered it
  BasisPoints before = 0, after = 0;         // effective weight
};

struct Decision {
  State next;
  bool refused = false;              // then `next` equals the present state, and `entry` says why
  std::optional<Entry> entry;        // absent: nothing worth recording happened
  std::string trigger;               // criterion of a rollback, "operator" for a person's; else empty
};

/// `file` is the present rollout_percentage (the configuration's; not part of the state).
/// - Measured: the first failure reading at an effective weight above 0 rolls back: cap 0, latched.
/// - SetFlag above 0 while latched is refused. SetFlag to 0 does not latch.
/// - FileChanged with a higher attempt opens the latch; a lower one is ignored.
Decision advance(const State& state, BasisPoints file, const Event& event, base::WallTime now);

}  // namespace canary::rollout

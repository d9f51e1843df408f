// Where a rollout stands in its plan, and what a tick's readings say about the phase's end. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/verdict.hpp"
#include "config/config.hpp"
#include "rollout/state.hpp"

namespace canary::rollout {

/// The plan's first phase, its clock at 0; without a plan: no phase.
void start_over(State& state, const std::optional<config::Plan>& plan);

/// Puts a state under a plan that may be new or edited. It is then in the phase that has the
/// percentage it had, its clock kept; else, its clock at 0, in the highest phase below that, or in
/// the first one. So the phase rises only where the file's person raised the first phase itself, or
/// removed the plan.
void fit(State& state, const std::optional<config::Plan>& plan);

/// The present phase; nullptr without a plan, or in one that the state was not put under.
const config::Phase* present_phase(const State& state, const std::optional<config::Plan>& plan);

/// "phase 1 of 3 (10%)"; empty without a plan.
std::string phase_text(const State& state, const std::optional<config::Plan>& plan);

/// Adds the time to the hold clock, where it counts: at the phase's own weight, not paused.
void count(State& state, const config::Phase& phase, BasisPoints effective, base::Duration elapsed,
           const std::vector<analysis::Reading>& readings);

/// Whether any of the present phase's time was judged, or all of it has passed: what a `promote`
/// that does not name the phase rests on.
bool is_measured(const State& state);

struct PhaseVerdict {
  enum class Kind : std::uint8_t { goes_on, ends, held, insufficient };
  Kind kind = Kind::goes_on;
  std::string reason;                        // with the numbers
  std::optional<analysis::Reading> reading;  // what holds it
};
/// Whether the phase may end now. `insufficient`: its time has passed without enough traffic to
/// judge all of it, the plan says `rollback`, and there is not enough now.
PhaseVerdict judge_phase(const State& state, const config::Plan& plan,
                         const std::vector<analysis::Reading>& readings);

}  // namespace canary::rollout

#include "rollout/phases.hpp"

#include <algorithm>

namespace canary::rollout {
namespace {

using analysis::Reading;
using analysis::Verdict;

void stop_clock(State& state) {
  state.judged = state.spent = base::Duration{};
  state.status = Status::running;
}

std::string join(const std::vector<Reading>& readings) {
  std::string out;
  for (const auto& reading : readings) {
    if (!out.empty()) out += "; ";
    out += reading.reason.empty() ? reading.criterion + " is a success" : reading.reason;
  }
  return out;
}

bool enough(const Reading& reading) { return reading.enough && reading.verdict != Verdict::error; }

}  // namespace

void start_over(State& state, const std::optional<config::Plan>& plan) {
  stop_clock(state);
  state.promoted = false;
  state.stable_for = base::Duration{};
  state.reminded = 0;
  state.phase = plan ? 1 : 0;
  state.phase_limit = plan ? plan->phases.front().percentage : full_weight;
}

void fit(State& state, const std::optional<config::Plan>& plan) {
  if (!plan) {
    if (state.phase == 0 && state.phase_limit == full_weight) return;
    const bool proven = state.status == Status::complete;
    start_over(state, plan);
    state.paused = false;
    if (proven) state.status = Status::complete;
    return;
  }
  if (state.phase == 0) return start_over(state, plan);
  std::size_t place = 0;
  for (std::size_t i = 0; i < plan->phases.size(); ++i)
    if (plan->phases[i].percentage <= state.phase_limit) place = i;
  const bool same = plan->phases[place].percentage == state.phase_limit;
  const bool last = place + 1 == plan->phases.size();
  if (!same || (state.status == Status::complete && !last)) stop_clock(state);
  state.phase = static_cast<std::uint32_t>(place + 1);
  state.phase_limit = plan->phases[place].percentage;
}

const config::Phase* present_phase(const State& state, const std::optional<config::Plan>& plan) {
  if (!plan || state.phase == 0 || state.phase > plan->phases.size()) return nullptr;
  return &plan->phases[state.phase - 1];
}

std::string phase_text(const State& state, const std::optional<config::Plan>& plan) {
  const config::Phase* phase = present_phase(state, plan);
  if (phase == nullptr) return {};
  return "phase " + std::to_string(state.phase) + " of " + std::to_string(plan->phases.size()) +
         " (" + base::format_percent(phase->percentage) + "%)";
}

void count(State& state, const config::Phase& phase, BasisPoints effective, base::Duration elapsed,
           const std::vector<Reading>& readings) {
  if (state.paused || effective != state.phase_limit) return;
  const auto add = [&](base::Duration& clock) { clock = std::min(clock + elapsed, phase.hold); };
  add(state.spent);
  if (!readings.empty() && std::all_of(readings.begin(), readings.end(), enough)) add(state.judged);
}

bool is_measured(const State& state) {
  return state.judged > base::Duration{} || state.status == Status::held ||
         state.status == Status::gate;
}

PhaseVerdict judge_phase(const State& state, const config::Plan& plan,
                         const std::vector<Reading>& readings) {
  using Kind = PhaseVerdict::Kind;
  using Policy = config::Plan::OnInsufficientData;
  const config::Phase& phase = plan.phases[state.phase - 1];
  if (state.spent < phase.hold || readings.empty()) return {};
  const bool judged = state.judged >= phase.hold;
  const std::string held_for = base::format_duration(phase.hold);
  const auto good = [](const Reading& reading) { return reading.verdict == Verdict::success; };
  const auto unclear = std::find_if(readings.begin(), readings.end(), [&](const Reading& reading) {
    return enough(reading) && !good(reading);
  });
  const auto starved =
      std::find_if(readings.begin(), readings.end(), [](const auto& r) { return !enough(r); });
  if (judged && unclear != readings.end())
    return {Kind::held, "its hold of " + held_for + " has passed, but: " + unclear->reason,
            *unclear};
  if (judged && starved == readings.end())
    return {Kind::ends, "held for " + held_for + ": " + join(readings), std::nullopt};
  if (starved == readings.end()) return {};  // the clock goes on
  const std::string lack =
      held_for + " have passed without enough traffic to judge them: " + starved->reason;
  switch (plan.on_insufficient_data) {
    case Policy::hold:
      return {Kind::held, lack, *starved};
    case Policy::advance:
      if (unclear != readings.end()) return {Kind::held, lack + "; " + unclear->reason, *unclear};
      return {Kind::ends, lack + " (on_insufficient_data: advance)", *starved};
    case Policy::rollback:
      // A lull after a hold that was judged in full is no lack.
      return {judged ? Kind::held : Kind::insufficient, lack, *starved};
  }
  return {};
}

}  // namespace canary::rollout

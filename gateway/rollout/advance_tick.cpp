#include <algorithm>

#include "rollout/step.hpp"

namespace canary::rollout {
namespace {

using analysis::Reading;

std::string days_text(base::Duration duration) {
  const auto days = std::chrono::duration_cast<std::chrono::days>(duration).count();
  return days > 0 ? std::to_string(days) + (days == 1 ? " day" : " days")
                  : base::format_duration(duration);
}

}  // namespace

Decision Step::operator()(const Measured& event) {
  const BasisPoints weight = effective();
  if (weight == 0) return unchanged();
  if (on_ladder(state_)) return descend(event);
  const auto failure = std::find_if(
      event.readings.begin(), event.readings.end(),
      [](const Reading& reading) { return reading.verdict == analysis::Verdict::failure; });
  if (failure != event.readings.end()) {
    const std::string criterion = failure->criterion.empty() ? "unnamed" : failure->criterion;
    Decision decision = roll_back(rules_.rollback.mode, criterion, "gateway",
                                  failure->reason.empty() ? criterion + " failed" : failure->reason,
                                  event.readings);
    decision.entry->reading = *failure;
    return decision;
  }
  const config::Phase* phase = present_phase(state_, rules_.plan);
  if (phase == nullptr || event.warming_up) return unchanged();
  State next = state_;
  if (state_.phase == rules_.plan->phases.size() && weight == state_.phase_limit)
    next.stable_for += event.elapsed;
  if (state_.status == Status::complete) return age(std::move(next), {});
  count(next, *phase, weight, event.elapsed, event.readings);
  if (state_.paused || weight != state_.phase_limit || state_.status == Status::gate)
    return quiet(std::move(next));
  return end_of_tick(std::move(next), event.readings);
}

Decision Step::operator()(const Aged& event) {
  if (!state_.promoted || state_.latched) return unchanged();
  return age(state_, event.elapsed);
}

/// Time since the plan's last percentage was reached: two things are then left to do.
Decision Step::age(State next, base::Duration elapsed) {
  next.stable_for += elapsed;
  const config::Plan plan = rules_.plan.value_or(config::Plan{});
  const bool remove = next.stable_for >= plan.remove_after;
  const std::uint32_t due = remove ? 2 : next.stable_for >= plan.retire_after ? 1 : 0;
  if (due <= state_.reminded) return quiet(std::move(next));
  next.reminded = due;
  const std::string lead =
      state_.canary + " has been stable for " + days_text(next.stable_for) + ": ";
  if (remove)
    return noted(std::move(next), EntryKind::reminder,
                 lead +
                     "remove the version before it and archive its artifacts, write down the "
                     "lessons learned, and put its production metrics into the model card");
  return noted(std::move(next), EntryKind::reminder,
               lead + "the version before it may be retired; name " + state_.canary +
                   " as `stable` in the file");
}

Decision Step::end_of_tick(State next, const std::vector<Reading>& readings) {
  PhaseVerdict verdict = judge_phase(next, *rules_.plan, readings);
  const std::string where = phase_text(next, rules_.plan);
  const auto entered = [&](Status status, EntryKind kind) {
    if (state_.status == status) {  // the same with newer numbers is nothing to write down
      next.reason = where + ": " + verdict.reason;
      return quiet(std::move(next));
    }
    next.status = status;
    Decision decision = changed(std::move(next), kind, "gateway", where + ": " + verdict.reason);
    decision.entry->reading = verdict.reading;
    return decision;
  };
  switch (verdict.kind) {
    case PhaseVerdict::Kind::goes_on:
      return quiet(std::move(next));
    case PhaseVerdict::Kind::held:
      return entered(Status::held, EntryKind::held);
    case PhaseVerdict::Kind::insufficient: {
      Decision decision = roll_back(rules_.rollback.mode, "insufficient_data", "gateway",
                                    where + ": " + verdict.reason, readings);
      decision.entry->reading = verdict.reading;
      return decision;
    }
    case PhaseVerdict::Kind::ends:
      if (rules_.plan->advance == config::Plan::Advance::manual) {
        verdict.reason +=
            "; it waits for `canary-gateway promote " + state_.model + " --reason ...`";
        return entered(Status::gate, EntryKind::gate);
      }
      return next_phase(std::move(next), EntryKind::phase, "gateway", verdict.reason);
  }
  return unchanged();
}

Decision Step::next_phase(State next, EntryKind kind, std::string actor, const std::string& why) {
  const std::string where = phase_text(next, rules_.plan);
  if (next.phase == rules_.plan->phases.size()) {
    next.status = Status::complete;
    next.paused = false;
    return changed(std::move(next), EntryKind::complete, std::move(actor),
                   "the plan is complete: " + where + " " + why);
  }
  start_over(next, rules_.plan);
  next.phase = state_.phase + 1;
  next.phase_limit = rules_.plan->phases[state_.phase].percentage;
  const std::string now_in = phase_text(next, rules_.plan);
  return changed(std::move(next), kind, std::move(actor), now_in + " after " + where + " " + why);
}

}  // namespace canary::rollout

#include "rollout/advance.hpp"

#include <algorithm>
#include <utility>

#include "rollout/step.hpp"

namespace canary::rollout {

std::string percent_text(BasisPoints weight) { return base::format_percent(weight) + "%"; }

std::string by(const Actor& actor) {
  std::string text =
      " by " + (actor.name.empty() ? std::string("an unnamed operator") : actor.name);
  if (!actor.reason.empty()) text += ": " + actor.reason;
  return text;
}

namespace {

Status status_of(const State& state, BasisPoints file) {
  if (state.latched) return Status::rolled_back;
  if (state.promoted) return Status::complete;
  if (weigh(file, state).effective == 0) return Status::idle;
  if (on_ladder(state)) return Status::rolling_back;
  if (state.status == Status::complete) return Status::complete;
  if (state.paused) return Status::paused;
  if (state.status == Status::gate || state.status == Status::held) return state.status;
  return Status::running;
}

/// A flag that limits nothing, before and after.
bool hides_behind_another_term(const Decision& decision) {
  return decision.entry && decision.entry->before == decision.entry->after;
}

void begin_proof(State& state) {
  state.proof = ProofStep::publishing;
  state.watched = base::Duration{};
  state.watch_failing = false;
}

}  // namespace

Step::Step(const Rules& rules, const State& state, BasisPoints file, base::WallTime now)
    : rules_(rules),
      state_(state),
      file_(std::min(file, full_weight)),
      file_after_(file_),
      now_(now) {}

Decision Step::operator()(const FileChanged& event) {
  file_after_ = std::min(event.file, full_weight);
  const std::string change = "rollout_percentage " + percent_text(file_) + " -> " +
                             percent_text(file_after_) + " in the file";
  if (event.attempt > state_.attempt) {
    State next = state_;
    next.attempt = event.attempt;
    std::string reason = "attempt " + std::to_string(event.attempt) + " in the file";
    if (state_.latched) reason += " opens the latch (" + state_.reason + ")";
    open(next);
    if (file_after_ != file_) reason += "; " + change;
    reason += plan_change(next);
    return changed(std::move(next), EntryKind::attempt, "gateway", std::move(reason));
  }
  if (state_.latched && file_after_ > file_)
    return refused("gateway", change + " has no effect: " + state_.canary + " is rolled back (" +
                                  state_.reason + "). " + how_to_open());
  State next = state_;
  if (!state_.latched) fit(next, rules_.plan);
  const bool moved = next.phase != state_.phase || next.phase_limit != state_.phase_limit;
  if (!event.goes_on) begin_anew_at_zero(next);
  if (file_after_ != file_)
    return changed(std::move(next), EntryKind::file, "gateway", change + plan_change(next));
  // A state that was remembered under another file (its slot is lost) is settled here.
  next.status = status_of(next, file_after_);
  if (next == state_) return unchanged();
  if (!moved)
    return changed(std::move(next), EntryKind::file, "gateway",
                   "rollout_percentage " + percent_text(file_after_) + " in the file");
  const std::string where = phase_text(next, rules_.plan);
  return changed(std::move(next), EntryKind::plan, "gateway",
                 where.empty() ? "the plan is gone from the file" : where + " of the file's plan");
}

/// What is new about the plan; empty for a canary of which nothing was decided yet.
std::string Step::plan_change(const State& next) const {
  if (state_.reason.empty() || (state_.phase == 0) == (next.phase == 0)) return {};
  if (next.phase == 0) return "; the plan is gone from the file";
  return "; plan added, " + phase_text(next, rules_.plan);
}

Decision Step::operator()(const SetFlag& event) {
  if (event.percentage > full_weight)
    return refused(event.actor.name, "a flag is a percentage from 0 to 100");
  if (state_.latched && event.percentage > 0)
    return refused(event.actor.name,
                   state_.canary + " is rolled back (" + state_.reason + "). " + how_to_open());
  if (state_.flag == event.percentage) return unchanged();
  State next = state_;
  next.flag = event.percentage;
  begin_anew_at_zero(next);
  Decision decision = changed(std::move(next), EntryKind::flag, event.actor.name,
                              "flag set to " + percent_text(event.percentage) + by(event.actor));
  return hides_behind_another_term(decision) && event.percentage > 0 ? harmless(decision)
                                                                     : decision;
}

Decision Step::operator()(const ClearFlag& event) {
  if (!state_.flag) return unchanged();
  State next = state_;
  next.flag.reset();
  begin_anew_at_zero(next);
  Decision decision =
      changed(std::move(next), EntryKind::flag, event.actor.name, "flag removed" + by(event.actor));
  return hides_behind_another_term(decision) ? harmless(decision) : decision;
}

Decision Step::operator()(const Rollback& event) {
  if (state_.latched)
    return refused(event.actor.name,
                   state_.canary + " is already rolled back (" + state_.reason + ")");
  if (on_ladder(state_) && event.mode == Mode::gradual)
    return refused(event.actor.name, state_.canary + " is being rolled back gradually already (" +
                                         state_.reason + "); without --gradual it goes to 0% now");
  if (on_ladder(state_)) return straight_to_zero(event.actor.name, "asked for" + by(event.actor));
  return roll_back(event.mode, "operator", event.actor.name, "rolled back" + by(event.actor));
}

Decision Step::operator()(const Resume& event) {
  if (!state_.latched && !state_.paused && !on_ladder(state_))
    return refused(event.actor.name, state_.canary +
                                         " is neither rolled back nor paused: there is nothing "
                                         "to resume");
  State next = state_;
  const bool rolled_back = state_.latched || on_ladder(state_);
  if (rolled_back && state_.paused && !event.names_rollback) {
    next.paused = false;
    return harmless(noted(std::move(next), EntryKind::resume,
                          "the pause is over, ended" + by(event.actor) + "; " + state_.canary +
                              " stays rolled back (" + state_.reason + "). " + how_to_open(false),
                          event.actor.name));
  }
  if (rolled_back) open(next);
  next.paused = false;
  Decision decision =
      changed(std::move(next), EntryKind::resume, event.actor.name, "resumed" + by(event.actor));
  return rolled_back ? decision : harmless(std::move(decision));
}

Decision Step::operator()(const Promote& event) {
  if (state_.latched)
    return refused(event.actor.name,
                   state_.canary + " is rolled back (" + state_.reason + "). " + how_to_open());
  if (on_ladder(state_))
    return refused(event.actor.name, state_.canary + " is being rolled back (" + state_.reason +
                                         "). " + how_to_open());
  if (present_phase(state_, rules_.plan) == nullptr)
    return refused(event.actor.name, state_.model + " has no plan: there is no phase to end");
  if (state_.status == Status::complete)
    return refused(event.actor.name, state_.canary + " has completed its plan already");
  if (const Weight weight = weigh(file_, state_); weight.effective == 0)
    return refused(event.actor.name, state_.canary + " has no traffic: " + how_to_raise(weight));
  if (!event.names_phase && !is_measured(state_))
    return refused(event.actor.name,
                   phase_text(state_, rules_.plan) +
                       " has not been measured since it began: there was not enough traffic to "
                       "judge any of its time. To end it all the same, say which phase you mean: "
                       "`canary-gateway promote " +
                       state_.model + " --phase " + std::to_string(state_.phase) +
                       " --reason ...`; the API takes `expect: {\"phase\": " +
                       std::to_string(state_.phase) + "}`");
  return next_phase(state_, EntryKind::promote, event.actor.name, "promoted" + by(event.actor));
}

Decision Step::operator()(const Pause& event) {
  if (state_.latched || on_ladder(state_))
    return refused(event.actor.name, state_.canary + " is rolled back: there is no phase to pause");
  if (present_phase(state_, rules_.plan) == nullptr || state_.status == Status::complete)
    return refused(event.actor.name, state_.model + " has no phase that could end: nothing moves");
  if (state_.paused) {
    const bool last = state_.reason.starts_with("paused by ");  // else something came since
    return refused(event.actor.name,
                   state_.canary + " is already paused" +
                       (last ? " (" + state_.reason + ")" : "; the history says by whom and why"));
  }
  State next = state_;
  next.paused = true;
  return harmless(
      changed(std::move(next), EntryKind::pause, event.actor.name, "paused" + by(event.actor)));
}

Decision Step::operator()(const Complaint& event) {
  const std::string what =
      (event.critical ? "critical bug reported" : "complaint") + by(event.actor);
  if (!event.critical || !rules_.critical_bug || state_.latched)
    return harmless(noted(state_, EntryKind::complaint, what, event.actor.name));
  if (on_ladder(state_)) return straight_to_zero(event.actor.name, what);
  return roll_back(Mode::immediate, "critical_bug", event.actor.name, what);
}

Decision Step::operator()(const Forget& event) {
  State next = state_;
  open(next);
  next.flag.reset();
  std::string reason = "forgotten" + by(event.actor);
  if (state_.latched) reason += " (it was rolled back: " + state_.reason + ")";
  return changed(std::move(next), EntryKind::forget, event.actor.name, std::move(reason));
}

Decision Step::operator()(const Retired& event) {
  if (effective() == 0) return unchanged();
  Decision decision =
      noted(state_, EntryKind::file,
            state_.canary + (event.cut_short ? " is missing: the file seems to end early"
                                             : " is not the file's canary any more"));
  decision.entry->after = 0;
  return decision;
}

Decision Step::operator()(const Moved& event) {
  return noted(state_, EntryKind::moved,
               state_.canary + " is " + state_.model + "'s now and was " + event.from +
                   "'s: its latch, flag and attempt go along");
}

Decision Step::operator()(const Withdrawn&) { return unchanged(); }

Decision Step::operator()(const NamedStable&) {
  if (state_.latched || state_.promoted || state_.status != Status::complete) return unchanged();
  State next = state_;
  next.promoted = true;
  return changed(std::move(next), EntryKind::promoted, "gateway", state_.canary + " is stable now");
}

Decision Step::operator()(const StateLost& event) {
  if (state_.latched) return unchanged();
  State next = state_;
  close(next);
  return changed(std::move(next), EntryKind::state_lost, "gateway",
                 "state_lost: " + (event.reason.empty() ? "nothing is remembered" : event.reason),
                 on_ladder(state_) ? "" : "state_lost");
}

/// Whatever took the weight to 0, the return is at the plan's beginning.
void Step::begin_anew_at_zero(State& next) const {
  if (next.latched) return;
  if (effective() == 0 || weigh(file_after_, next).effective == 0) start_over(next, rules_.plan);
}

void Step::close(State& state) {
  state.promoted = false;
  state.cap = 0;
  state.latched = true;
}

void Step::open(State& state) const {
  state.cap = full_weight;
  state.latched = state.paused = false;
  start_over(state, rules_.plan);
}

std::string Step::how_to_open(bool paused) const {
  return "To try again, resume it with `canary-gateway resume " + state_.model + " --reason ...`" +
         (paused ? " (twice: the first one ends the pause, the second one opens the latch)" : "") +
         " or raise `attempt` above " + std::to_string(state_.attempt) + " in the file.";
}

std::string Step::how_to_raise(const Weight& weight) const {
  switch (weight.limited_by) {
    case Weight::Limit::file:
      return "raise its rollout_percentage in the file";
    case Weight::Limit::flag:
      return "raise its flag with `canary-gateway set " + state_.canary + " PERCENT`";
    case Weight::Limit::phase:
      return "raise the percentage of " + phase_text(state_, rules_.plan) + " in the file";
    case Weight::Limit::cap:
      return how_to_open();
  }
  return {};
}

Decision Step::refused(std::string actor, std::string reason) const {
  const BasisPoints weight = effective();
  return Decision{state_,
                  true,
                  Entry{EntryKind::refused, std::move(actor), std::move(reason), std::nullopt,
                        weight, weight, state_.phase, true},
                  {}};
}

Decision Step::changed(State next, EntryKind kind, std::string actor, std::string reason,
                       std::string trigger) const {
  const BasisPoints before = effective();
  const bool stays_on_ladder = on_ladder(state_) && on_ladder(next);
  BasisPoints after = weigh(file_after_, next).effective;
  // Also when it was at 0 without a decision, because the file did not name it.
  if (stays_on_ladder && (before == 0 || after == 0)) {
    close(next);
    after = 0;
  }
  if (stays_on_ladder && after > before) next.cap = after = before;  // it only goes down
  // File or flag at 0 is an operator's rollback, without a latch.
  if (before > 0 && after == 0 && !on_ladder(state_) && trigger.empty())
    trigger = kind == EntryKind::flag ? "flag" : "file";  // a new attempt or plan is the file's
  if (!trigger.empty()) {
    ++next.rollbacks;
    next.trigger = trigger;
  }
  if (after > 0)
    next.proof = ProofStep::none;
  else if (before > 0 || !trigger.empty())
    begin_proof(next);
  next.status = status_of(next, file_after_);
  if (!(state_.latched && next.latched)) next.reason = reason;
  if (next.status != state_.status || next.phase != state_.phase) next.since = now_;
  Entry entry{kind, std::move(actor), std::move(reason), std::nullopt, before, after, next.phase};
  return Decision{std::move(next), false, std::move(entry), std::move(trigger)};
}

Decision Step::noted(State next, EntryKind kind, std::string reason, std::string actor) const {
  const BasisPoints weight = effective();
  const std::uint32_t phase = next.phase;
  return Decision{
      std::move(next),
      false,
      Entry{kind, std::move(actor), std::move(reason), std::nullopt, weight, weight, phase},
      {}};
}

Decision advance(const Rules& rules, const State& state, BasisPoints file, const Event& event,
                 base::WallTime now) {
  return std::visit(Step(rules, state, file, now), event);
}

bool raises(const State& before, BasisPoints file_before, const State& after,
            BasisPoints file_after) {
  const Weight was = weigh(file_before, before), is = weigh(file_after, after);
  if (is.effective != was.effective) return is.effective > was.effective;
  return is.file > was.file || is.flag > was.flag || is.phase > was.phase || is.cap > was.cap;
}

State lower_of(const State& one, const State& other) {
  State lower = one;
  const BasisPoints flag =
      std::min(one.flag.value_or(full_weight), other.flag.value_or(full_weight));
  if (one.flag || other.flag) lower.flag = flag;
  lower.cap = std::min(one.cap, other.cap);
  if (other.phase_limit < one.phase_limit) {  // which phase that is, fit() finds
    lower.phase_limit = other.phase_limit;
    lower.judged = lower.spent = base::Duration{};
    if (lower.status != Status::rolled_back && lower.status != Status::idle)
      lower.status = Status::running;
  }
  lower.latched = one.latched || other.latched;
  lower.attempt = std::max(one.attempt, other.attempt);
  // A higher attempt that was on its way to open the latch did not: it may still.
  if (one.latched != other.latched) lower.attempt = one.latched ? one.attempt : other.attempt;
  const bool went_to_zero =
      weigh(full_weight, lower).effective == 0 && weigh(full_weight, one).effective > 0;
  if (lower.latched) {
    lower.cap = 0;
    lower.status = Status::rolled_back;
    if (!one.latched) lower.reason = other.reason;
  } else if (on_ladder(lower)) {
    lower.status = Status::rolling_back;
    if (lower.cap < one.cap) {
      lower.rung_spent = base::Duration{};
      lower.rung_waits = false;
      if (!on_ladder(one)) lower.reason = other.reason;
    }
  } else if (went_to_zero) {
    lower.status = Status::idle;
    lower.reason = other.reason;
  }
  if (went_to_zero) begin_proof(lower);
  lower.rollbacks = std::max(one.rollbacks, other.rollbacks);
  if (other.rollbacks > one.rollbacks) lower.trigger.clear();
  return lower;
}

}  // namespace canary::rollout

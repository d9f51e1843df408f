#include "rollout/advance.hpp"

#include <algorithm>
#include <utility>

namespace canary::rollout {
namespace {

std::string percent_text(BasisPoints weight) { return base::format_percent(weight) + "%"; }

/// " by alice: better model" for an operator's hand.
std::string by(const Actor& actor) {
  std::string text =
      " by " + (actor.name.empty() ? std::string("an unnamed operator") : actor.name);
  if (!actor.reason.empty()) text += ": " + actor.reason;
  return text;
}

class Step {
 public:
  Step(const Rules& rules, const State& state, BasisPoints file, base::WallTime now)
      : rules_(rules),
        state_(state),
        file_(std::min(file, full_weight)),
        file_after_(file_),
        now_(now) {}

  Decision operator()(const FileChanged& event) {
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
      return changed(std::move(next), "attempt", "gateway", std::move(reason));
    }
    if (state_.latched && file_after_ > file_)
      return refused("gateway", change + " has no effect: " + state_.canary + " is rolled back (" +
                                    state_.reason + "). " + how_to_open());
    State next = state_;
    if (!state_.latched) fit(next, rules_.plan);
    const bool moved = next.phase != state_.phase || next.phase_limit != state_.phase_limit;
    begin_anew_at_zero(next);
    if (file_after_ != file_) return changed(std::move(next), "file", "gateway", change);
    // A state that was remembered under another file (its slot is lost) is settled here.
    next.status = status_of(next, file_after_);
    if (next == state_) return unchanged();
    if (!moved)
      return changed(std::move(next), "file", "gateway",
                     "rollout_percentage " + percent_text(file_after_) + " in the file");
    const std::string where = phase_text(next, rules_.plan);
    return changed(
        std::move(next), "plan", "gateway",
        where.empty() ? "the plan is gone from the file" : where + " of the file's plan");
  }

  Decision operator()(const Measured& event) {
    const BasisPoints effective = weigh(file_, state_).effective;
    if (effective == 0) return unchanged();
    const auto failure = std::find_if(
        event.readings.begin(), event.readings.end(),
        [](const auto& reading) { return reading.verdict == analysis::Verdict::failure; });
    if (failure != event.readings.end())
      return triggered(*failure, failure->criterion.empty() ? "unnamed" : failure->criterion,
                       failure->reason.empty() ? failure->criterion + " failed" : failure->reason);
    const config::Phase* phase = present_phase(state_, rules_.plan);
    if (phase == nullptr || state_.status == Status::complete) return unchanged();
    State next = state_;
    count(next, *phase, effective, event.elapsed, event.readings);
    if (state_.paused || effective != state_.phase_limit || state_.status == Status::gate)
      return Decision{std::move(next), false, std::nullopt, {}};
    return end_of_tick(std::move(next), event.readings);
  }

  Decision operator()(const SetFlag& event) {
    if (event.percentage > full_weight)
      return refused(event.actor.name, "a flag is a percentage from 0 to 100");
    if (state_.latched && event.percentage > 0)
      return refused(event.actor.name,
                     state_.canary + " is rolled back (" + state_.reason + "). " + how_to_open());
    if (state_.flag == event.percentage) return unchanged();
    State next = state_;
    next.flag = event.percentage;
    begin_anew_at_zero(next);
    return changed(std::move(next), "flag", event.actor.name,
                   "flag set to " + percent_text(event.percentage) + by(event.actor));
  }

  Decision operator()(const ClearFlag& event) {
    if (!state_.flag) return unchanged();
    State next = state_;
    next.flag.reset();
    begin_anew_at_zero(next);
    return changed(std::move(next), "flag", event.actor.name, "flag removed" + by(event.actor));
  }

  Decision operator()(const Rollback& event) {
    if (state_.latched)
      return refused(event.actor.name,
                     state_.canary + " is already rolled back (" + state_.reason + ")");
    State next = state_;
    close(next);
    Decision decision =
        changed(std::move(next), "rollback", event.actor.name, "rolled back" + by(event.actor));
    decision.trigger = "operator";
    return decision;
  }

  Decision operator()(const Resume& event) {
    if (!state_.latched && !state_.paused)
      return refused(event.actor.name, state_.canary +
                                           " is neither rolled back nor paused: there is nothing "
                                           "to resume");
    State next = state_;
    if (state_.latched) open(next);
    next.paused = false;
    return changed(std::move(next), "resume", event.actor.name, "resumed" + by(event.actor));
  }

  Decision operator()(const Promote& event) {
    if (state_.latched)
      return refused(event.actor.name,
                     state_.canary + " is rolled back (" + state_.reason + "). " + how_to_open());
    if (present_phase(state_, rules_.plan) == nullptr)
      return refused(event.actor.name, state_.model + " has no plan: there is no phase to end");
    if (state_.status == Status::complete)
      return refused(event.actor.name, state_.canary + " has completed its plan already");
    if (weigh(file_, state_).effective == 0)
      return refused(event.actor.name,
                     state_.canary + " has no traffic: raise the file's percentage or the flag");
    return next_phase(state_, "promote", event.actor.name, "promoted" + by(event.actor));
  }

  Decision operator()(const Pause& event) {
    if (state_.latched)
      return refused(event.actor.name, state_.canary + " is rolled back: nothing moves");
    if (present_phase(state_, rules_.plan) == nullptr || state_.status == Status::complete)
      return refused(event.actor.name,
                     state_.model + " has no phase that could end: nothing moves");
    if (state_.paused) return unchanged();
    State next = state_;
    next.paused = true;
    return changed(std::move(next), "pause", event.actor.name, "paused" + by(event.actor));
  }

  Decision operator()(const Complaint& event) {
    const std::string what =
        (event.critical ? "critical bug reported" : "complaint") + by(event.actor);
    if (!event.critical || !rules_.critical_bug || state_.latched)
      return changed(state_, "complaint", event.actor.name, what);
    State next = state_;
    close(next);
    Decision decision = changed(std::move(next), "rollback", event.actor.name, what);
    decision.trigger = "critical_bug";
    return decision;
  }

  Decision operator()(const NamedStable&) {
    if (state_.latched || state_.promoted || state_.status != Status::complete) return unchanged();
    State next = state_;
    next.promoted = true;
    return changed(std::move(next), "promoted", "gateway", state_.canary + " is stable now");
  }

  Decision operator()(const StateLost& event) {
    if (state_.latched) return unchanged();
    State next = state_;
    close(next);
    return changed(
        std::move(next), "state_lost", "gateway",
        "state_lost: " + (event.reason.empty() ? "nothing is remembered" : event.reason));
  }

 private:
  static Status status_of(const State& state, BasisPoints file) {
    if (state.latched) return Status::rolled_back;
    if (state.promoted) return Status::complete;
    if (weigh(file, state).effective == 0) return Status::idle;
    if (state.status == Status::complete) return Status::complete;
    if (state.paused) return Status::paused;
    if (state.status == Status::gate || state.status == Status::held) return state.status;
    return Status::running;
  }

  Decision triggered(const analysis::Reading& reading, std::string trigger, std::string reason) {
    State next = state_;
    close(next);
    Decision decision = changed(std::move(next), "rollback", "gateway", std::move(reason));
    decision.entry->reading = reading;
    decision.trigger = std::move(trigger);
    return decision;
  }

  Decision end_of_tick(State next, const std::vector<analysis::Reading>& readings) {
    PhaseVerdict verdict = judge_phase(next, *rules_.plan, readings);
    const std::string where = phase_text(next, rules_.plan);
    const auto entered = [&](Status status, std::string kind) {
      if (state_.status == status) {  // the same with newer numbers is nothing to write down
        next.reason = where + ": " + verdict.reason;
        return Decision{std::move(next), false, std::nullopt, {}};
      }
      next.status = status;
      Decision decision =
          changed(std::move(next), std::move(kind), "gateway", where + ": " + verdict.reason);
      decision.entry->reading = verdict.reading;
      return decision;
    };
    switch (verdict.kind) {
      case PhaseVerdict::Kind::goes_on:
        return Decision{std::move(next), false, std::nullopt, {}};
      case PhaseVerdict::Kind::held:
        return entered(Status::held, "held");
      case PhaseVerdict::Kind::insufficient:
        return triggered(*verdict.reading, "insufficient_data", where + ": " + verdict.reason);
      case PhaseVerdict::Kind::ends:
        if (rules_.plan->advance == config::Plan::Advance::manual) {
          verdict.reason += "; it waits for `canary-gateway promote " + state_.model + "`";
          return entered(Status::gate, "gate");
        }
        return next_phase(std::move(next), "phase", "gateway", verdict.reason);
    }
    return unchanged();
  }

  Decision next_phase(State next, std::string kind, std::string actor, const std::string& why) {
    const std::string where = phase_text(next, rules_.plan);
    if (next.phase == rules_.plan->phases.size()) {
      next.status = Status::complete;
      next.paused = false;
      return changed(std::move(next), "complete", std::move(actor),
                     "the plan is complete: " + where + " " + why);
    }
    start_over(next, rules_.plan);
    next.phase = state_.phase + 1;
    next.phase_limit = rules_.plan->phases[state_.phase].percentage;
    const std::string now_in = phase_text(next, rules_.plan);
    return changed(std::move(next), std::move(kind), std::move(actor),
                   now_in + " after " + where + " " + why);
  }

  /// Whatever took the weight to 0, the return is at the plan's beginning.
  void begin_anew_at_zero(State& next) const {
    if (next.latched) return;
    if (weigh(file_, state_).effective == 0 || weigh(file_after_, next).effective == 0)
      start_over(next, rules_.plan);
  }

  static void close(State& state) {
    state.promoted = false;
    state.cap = 0;
    state.latched = true;
  }
  void open(State& state) const {
    state.cap = full_weight;
    state.latched = state.paused = false;
    start_over(state, rules_.plan);
  }

  std::string how_to_open() const {
    return "To try again, resume it with `canary-gateway resume " + state_.model +
           " --reason ...` or raise `attempt` above " + std::to_string(state_.attempt) +
           " in the file.";
  }

  Decision unchanged() const { return Decision{state_, false, std::nullopt, {}}; }

  Decision refused(std::string actor, std::string reason) const {
    const BasisPoints effective = weigh(file_, state_).effective;
    return Decision{state_,
                    true,
                    Entry{"refused", std::move(actor), std::move(reason), std::nullopt, effective,
                          effective, state_.phase},
                    {}};
  }

  /// Settles status, reason and since of a changed state, and writes its entry. While the latch
  /// stays closed its reason stays too: people must still read why.
  Decision changed(State next, std::string kind, std::string actor, std::string reason) const {
    const BasisPoints before = weigh(file_, state_).effective;
    const BasisPoints after = weigh(file_after_, next).effective;
    next.status = status_of(next, file_after_);
    if (!(state_.latched && next.latched)) next.reason = reason;
    if (next.status != state_.status || next.phase != state_.phase) next.since = now_;
    Entry entry{std::move(kind), std::move(actor), std::move(reason), std::nullopt, before,
                after,           next.phase};
    return Decision{std::move(next), false, std::move(entry), {}};
  }

  const Rules& rules_;
  const State& state_;
  BasisPoints file_, file_after_;
  base::WallTime now_;
};

}  // namespace

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
  if (lower.latched) {
    lower.cap = 0;
    lower.status = Status::rolled_back;
    if (!one.latched) lower.reason = other.reason;
  } else if (weigh(full_weight, lower).effective == 0 && weigh(full_weight, one).effective > 0) {
    lower.status = Status::idle;
    lower.reason = other.reason;
  }
  return lower;
}

}  // namespace canary::rollout

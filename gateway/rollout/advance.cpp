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
  Step(const State& state, BasisPoints file, base::WallTime now)
      : state_(state), file_(std::min(file, full_weight)), file_after_(file_), now_(now) {}

  Decision operator()(const FileChanged& event) {
    file_after_ = std::min(event.file, full_weight);
    const std::string change = "rollout_percentage " + percent_text(file_) + " -> " +
                               percent_text(file_after_) + " in the file";
    if (event.attempt > state_.attempt) {
      State next = state_;
      next.attempt = event.attempt;
      std::string reason = "attempt " + std::to_string(event.attempt) + " in the file";
      if (state_.latched) {
        reason += " opens the latch (" + state_.reason + ")";
        open(next);
      }
      if (file_after_ != file_) reason += "; " + change;
      return changed(std::move(next), "attempt", "gateway", std::move(reason));
    }
    if (file_after_ == file_) {
      // A state that was remembered under another file (its slot is lost) is settled here.
      if (state_.status == status_of(state_, file_after_)) return unchanged();
      return changed(state_, "file", "gateway",
                     "rollout_percentage " + percent_text(file_after_) + " in the file");
    }
    if (state_.latched && file_after_ > file_)
      return refused("gateway", change + " has no effect: " + state_.canary + " is rolled back (" +
                                    state_.reason + "). " + how_to_open());
    return changed(state_, "file", "gateway", change);
  }

  Decision operator()(const Measured& event) {
    if (weigh(file_, state_).effective == 0) return unchanged();
    const auto failure = std::find_if(
        event.readings.begin(), event.readings.end(),
        [](const auto& reading) { return reading.verdict == analysis::Verdict::failure; });
    if (failure == event.readings.end()) return unchanged();
    State next = state_;
    close(next);
    const std::string reason =
        failure->reason.empty() ? failure->criterion + " failed" : failure->reason;
    Decision decision = changed(std::move(next), "rollback", "gateway", reason);
    decision.entry->reading = *failure;
    decision.trigger = failure->criterion.empty() ? "unnamed" : failure->criterion;
    return decision;
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
    return changed(std::move(next), "flag", event.actor.name,
                   "flag set to " + percent_text(event.percentage) + by(event.actor));
  }

  Decision operator()(const ClearFlag& event) {
    if (!state_.flag) return unchanged();
    State next = state_;
    next.flag.reset();
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
    if (!state_.latched)
      return refused(event.actor.name,
                     state_.canary + " is not rolled back: there is nothing to resume");
    State next = state_;
    open(next);
    return changed(std::move(next), "resume", event.actor.name, "resumed" + by(event.actor));
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
    return weigh(file, state).effective > 0 ? Status::running : Status::idle;
  }

  static void close(State& state) {
    state.cap = 0;
    state.latched = true;
  }
  static void open(State& state) {
    state.cap = full_weight;
    state.latched = false;
  }

  std::string how_to_open() const {
    return "To try again, resume it with `canary-gateway resume " + state_.model +
           " --reason ...` or raise `attempt` above " + std::to_string(state_.attempt) +
           " in the file.";
  }

  Decision unchanged() const { return Decision{state_, false, std::nullopt, {}}; }

  Decision refused(std::string actor, std::string reason) const {
    const BasisPoints effective = weigh(file_, state_).effective;
    return Decision{
        state_,
        true,
        Entry{"refused", std::move(actor), std::move(reason), std::nullopt, effective, effective},
        {}};
  }

  /// Settles status, reason and since of a changed state, and writes its entry. While the latch
  /// stays closed its reason stays too: people must still read why.
  Decision changed(State next, std::string kind, std::string actor, std::string reason) const {
    const BasisPoints before = weigh(file_, state_).effective;
    const BasisPoints after = weigh(file_after_, next).effective;
    next.status = status_of(next, file_after_);
    if (!(state_.latched && next.latched)) next.reason = reason;
    if (next.status != state_.status) next.since = now_;
    Entry entry{std::move(kind), std::move(actor), std::move(reason), std::nullopt, before, after};
    return Decision{std::move(next), false, std::move(entry), {}};
  }

  const State& state_;
  BasisPoints file_, file_after_;
  base::WallTime now_;
};

}  // namespace

Decision advance(const State& state, BasisPoints file, const Event& event, base::WallTime now) {
  return std::visit(Step(state, file, now), event);
}

bool raises(const State& before, BasisPoints file_before, const State& after,
            BasisPoints file_after) {
  const Weight was = weigh(file_before, before), is = weigh(file_after, after);
  if (is.effective != was.effective) return is.effective > was.effective;
  return is.file > was.file || is.flag > was.flag || is.cap > was.cap;
}

State lower_of(const State& one, const State& other) {
  State lower = one;
  const BasisPoints flag =
      std::min(one.flag.value_or(full_weight), other.flag.value_or(full_weight));
  if (one.flag || other.flag) lower.flag = flag;
  lower.cap = std::min(one.cap, other.cap);
  lower.latched = one.latched || other.latched;
  lower.attempt = std::max(one.attempt, other.attempt);
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

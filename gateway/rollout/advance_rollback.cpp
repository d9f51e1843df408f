#include <algorithm>
#include <utility>

#include "rollout/step.hpp"

namespace canary::rollout {
namespace {

using analysis::Reading;
using analysis::Verdict;

std::string join(const std::vector<Reading>& readings) {
  std::string out;
  for (const Reading& reading : readings) {
    if (reading.reason.empty()) continue;
    if (!out.empty()) out += "; ";
    out += reading.reason;
  }
  return out.empty() ? "nothing was measured" : out;
}

const Reading* find(const std::vector<Reading>& readings, std::string_view criterion) {
  const auto found = std::find_if(readings.begin(), readings.end(), [&](const Reading& reading) {
    return reading.criterion == criterion;
  });
  return found == readings.end() ? nullptr : &*found;
}

bool fails(const Reading& reading) { return reading.verdict == Verdict::failure; }

// A rate of fewer errors than this says little: three instead of one are chance.
constexpr double enough_errors = 10;

/// Whether the error rate is at least twice what it was when the rollback began.
bool has_doubled(const Reading& errors, double then) {
  return errors.enough && errors.verdict != Verdict::success && then > 0 &&
         errors.value >= 2 * then &&
         errors.value * static_cast<double>(errors.samples) >= enough_errors;
}

/// Why stable cannot take more load; empty when it can. Without enough traffic nobody knows, and
/// then the canary's users are better off with it.
std::string overloaded(const std::vector<Reading>& stable) {
  for (const Reading& reading : stable) {
    const bool slow =
        reading.criterion == "latency_p95" && reading.enough && reading.verdict != Verdict::success;
    if (slow || fails(reading)) return reading.reason;
  }
  return {};
}

}  // namespace

/// Begins a rollback: down the ladder where that is asked for and a rung lies below, else to 0.
Decision Step::roll_back(Mode mode, const std::string& trigger, std::string actor,
                         std::string reason, const std::vector<Reading>& readings) {
  State next = state_;
  const BasisPoints rung = mode == Mode::gradual ? rung_below(effective()) : BasisPoints{0};
  next.error_rate_then = 0;
  if (rung > 0) {
    next.cap = rung;
    next.rung_spent = base::Duration{};
    next.rung_waits = next.promoted = false;
    if (const Reading* errors = find(readings, "error_rate")) next.error_rate_then = errors->value;
  } else {
    close(next);
  }
  Decision decision =
      changed(std::move(next), EntryKind::rollback, std::move(actor), std::move(reason), trigger);
  decision.mode = mode;
  return decision;
}

/// The first rung below the weight; 0 when there is none.
BasisPoints Step::rung_below(BasisPoints weight) const {
  for (const BasisPoints rung : rules_.rollback.ladder)
    if (rung < weight) return rung;
  return 0;
}

Decision Step::descend(const Measured& event) {
  for (const Reading& reading : event.readings) {
    if (!fails(reading) || reading.criterion == state_.trigger) continue;
    Decision decision =
        straight_to_zero("gateway", "a further trigger has fired: " + reading.reason);
    decision.entry->reading = reading;
    return decision;
  }
  const Reading* errors = find(event.readings, "error_rate");
  if (errors && has_doubled(*errors, state_.error_rate_then)) {
    Decision decision = straight_to_zero(
        "gateway", "the error rate has doubled since the rollback began (" +
                       base::format_number(state_.error_rate_then * 100) + "%): " + errors->reason);
    decision.entry->reading = *errors;
    return decision;
  }
  State next = state_;
  next.rung_spent = std::min(next.rung_spent + event.elapsed, rules_.rollback.rung_hold);
  if (next.rung_spent < rules_.rollback.rung_hold) return quiet(std::move(next));
  const std::string why = overloaded(event.stable);
  if (why.empty()) return next_rung(std::move(next), event.readings);
  if (state_.rung_waits) return quiet(std::move(next));  // said already
  next.rung_waits = true;
  return changed(std::move(next), EntryKind::rung_held, "gateway",
                 "stays at " + percent_text(effective()) +
                     ", because stable cannot take more load: " + why +
                     "; `canary-gateway rollback " + state_.model +
                     " --reason ...` takes it to 0% all the same");
}

Decision Step::next_rung(State next, const std::vector<Reading>& readings) {
  const BasisPoints from = effective(), to = rung_below(from);
  const std::string why = percent_text(from) + " -> " + percent_text(to) + " after " +
                          base::format_duration(rules_.rollback.rung_hold) + ": " + join(readings);
  if (to == 0)
    close(next);
  else
    next.cap = to;
  next.rung_spent = base::Duration{};
  next.rung_waits = false;
  return changed(std::move(next), EntryKind::rung, "gateway", why);
}

/// The rollback that goes down the ladder is taken to its end at once.
Decision Step::straight_to_zero(std::string actor, const std::string& why) {
  State next = state_;
  close(next);
  return changed(std::move(next), EntryKind::rung, std::move(actor),
                 percent_text(effective()) + " straight to 0%: " + why);
}

Decision Step::operator()(const Proved& event) {
  if (state_.proof == ProofStep::none || state_.proof != event.step || effective() > 0)
    return unchanged();
  State next = state_;
  switch (state_.proof) {
    case ProofStep::none:
    case ProofStep::watching:
      return unchanged();
    case ProofStep::publishing:
      next.proof = ProofStep::draining;
      return noted(std::move(next), EntryKind::in_force, event.what);
    case ProofStep::draining:
      next.proof = ProofStep::asking;
      return noted(std::move(next), EntryKind::drained, event.what);
    case ProofStep::asking:
      next.proof = ProofStep::watching;
      return noted(std::move(next), event.holds ? EntryKind::verified : EntryKind::unverified,
                   event.what);
  }
  return unchanged();
}

Decision Step::operator()(const Watched& event) {
  if (state_.proof != ProofStep::watching || effective() > 0) return unchanged();
  State next = state_;
  const base::Duration whole = rules_.rollback.watch;
  next.watched = std::min(next.watched + event.elapsed, whole);
  const bool failing = std::any_of(event.stable.begin(), event.stable.end(), fails);
  const bool over = next.watched >= whole;
  next.watch_failing = failing;
  if (over) next.proof = ProofStep::none;
  const std::string numbers = join(event.stable);
  if (over)
    return noted(std::move(next), EntryKind::watched,
                 "stable watched for " + base::format_duration(whole) + ": " +
                     (failing ? "it is FAILING, look at it now: " : "") + numbers);
  if (failing == state_.watch_failing) return quiet(std::move(next));
  return noted(std::move(next), EntryKind::watch,
               (failing ? "stable fails since it has all the traffic: "
                        : "stable does not fail any more: ") +
                   numbers);
}

}  // namespace canary::rollout

#include "control/runner.hpp"

#include "base/units.hpp"
#include "log/log.hpp"

namespace canary::control {
namespace {

constexpr const char* overtaken_text = "overtaken by a later decision about the same canary";

double milliseconds(base::Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

/// A second rollback is none: there is nothing to count or to write down.
bool asks_for_a_raise(const rollout::Event& event, const rollout::State& state) {
  if (std::holds_alternative<rollout::Promote>(event)) return state.latched;
  return !std::holds_alternative<rollout::Rollback>(event) &&
         !std::holds_alternative<rollout::Pause>(event);
}

constexpr auto pause_after_failure = std::chrono::seconds(10);

}  // namespace

Outcome Runner::outcome(const Key& key, int status, std::string message, bool durable) const {
  const Rollout* rollout = core_.rollouts.find(key);
  return Outcome{status, std::move(message), rollout ? rollout->weight() : rollout::Weight{},
                 durable};
}

/// What a command rests on that is not so any more; empty when it may be decided.
std::string Runner::no_longer_holds(const Command& command) const {
  const Rollout& rollout = core_.rollouts.at(command.key);
  if (auto broken = command.basis.broken_by(rollout.state); !broken.empty()) return broken;
  // It says nothing of what it rests on, and ends whatever phase it meets: that of its arrival.
  const bool ends_a_phase = std::holds_alternative<rollout::Promote>(command.event);
  if (!ends_a_phase || command.basis.is_stated() || rollout.version == command.met) return {};
  return "another decision about " + command.key.second + " came first (" + rollout.state.reason +
         "): nothing was done; look at the status and decide anew";
}

/// Entries that move nothing are bounded; then the command is answered here.
bool Runner::is_one_too_many(const Command& command, const rollout::Decision& decision) {
  if (!decision.entry || !decision.entry->harmless) return false;
  const auto wait =
      core_.entry_limit.take(command.key.first, decision.entry->kind, core_.parts.clock.mono());
  if (!wait) return false;
  command.done(outcome(command.key, 429,
                       "too many entries that change no weight (" +
                           std::string(name(decision.entry->kind)) +
                           "): not recorded, try again in " + base::format_duration(*wait),
                       true));
  return true;
}

void Runner::decide(const Command& command) {
  const auto& [key, event, basis, met, done] = command;
  const Rollout& rollout = core_.rollouts.at(key);
  if (auto broken = no_longer_holds(command); !broken.empty()) {
    Outcome refusal = outcome(key, 409, std::move(broken), true);
    refusal.basis_broken = true;
    return done(refusal);
  }
  const auto decision = rollout::advance(core_.rules(key), rollout.state, rollout.file, event,
                                         core_.parts.clock.wall());
  const bool raises = rollout::raises(rollout.state, rollout.file, decision.next, rollout.file);
  if ((raises || decision.refused) && core_.gate.busy()) {
    // Decided again when the raise before it is through: the answer may be another then.
    const bool waits = core_.gate.wait(
        key, [this, command] { decide(command); },
        [this, key = key, done = done] { done(outcome(key, 409, overtaken_text, true)); });
    if (!waits) done(outcome(key, 503, "too many raises are waiting for the disk", true));
    return;
  }
  if (decision.refused && !asks_for_a_raise(event, rollout.state))
    return done(outcome(key, 409, decision.entry->reason, true));
  if (is_one_too_many(command, decision)) return;
  if (decision.refused) return refuse(key, decision, done);
  if (raises) return raise(key, decision, done);
  const std::string decided = decision.entry ? decision.entry->reason : std::string();
  lower({{key, rollout.file, decision}}, core_.parts.clock.mono(),
        [this, key = key, done = done, decided](bool durable) {
          done(outcome(key, 200, decided, durable));
        });
}

void Runner::refuse(const Key& key, const rollout::Decision& decision, const Done& done) {
  core_.tell(key, decision);
  core_.commit_raise(key, decision, {}, [](const base::Result<void>&) {});
  done(outcome(key, 409, decision.entry->reason, true));
}

void Runner::lower(const std::vector<Step>& steps, base::MonoTime decided,
                   std::function<void(bool durable)> done) {
  // Also where nothing changes: a raise that is still waiting for the disk was asked for before.
  const auto counts = [this](const Step& step) {
    return step.decision.entry.has_value() || core_.gate.busy();
  };
  const auto missing = std::make_shared<std::size_t>(0);
  std::vector<std::pair<Key, std::string>> zeros;  // with what triggered it, where anything did
  for (const Step& step : steps) {
    if (!counts(step)) continue;
    ++*missing;
    core_.put(step.key, step.file, step.decision);
    core_.store(step.key, step.decision);
    if (step.decision.next.proof == rollout::ProofStep::publishing)
      zeros.emplace_back(step.key, step.decision.trigger);
  }
  const auto in_force = [this, done, missing, decided, zeros] {
    for (const auto& [key, trigger] : zeros) zero_in_force(key, trigger, decided);
    if (done) done(*missing == 0);
  };
  if (*missing > 0)
    core_.publish(in_force);
  else
    core_.publisher.when_in_force(in_force);
  for (const Step& step : steps) {
    if (counts(step)) core_.commit_lowering(step.key, step.decision, [missing] { --*missing; });
    core_.tell(step.key, step.decision);
  }
  for (const Step& step : steps) core_.gate.overtake(step.key);
}

void Runner::zero_in_force(const Key& key, const std::string& trigger, base::MonoTime decided) {
  const base::Duration elapsed = core_.parts.clock.mono() - decided;
  Rollout* rollout = core_.rollouts.find(key);
  if (rollout == nullptr) return;  // its version is another model's by now
  rollout->in_force_after = elapsed;
  log::info("rollback_in_force", {{"model", key.first},
                                  {"canary", key.second},
                                  {"trigger", trigger},
                                  {"elapsed_ms", milliseconds(elapsed)}});
  if (on_zero_in_force) on_zero_in_force(key, elapsed);
}

void Runner::note(const Key& key, const rollout::Event& event) {
  Rollout* found = core_.rollouts.find(key);
  if (found == nullptr) return;  // its version is another model's by now
  Rollout& rollout = *found;
  auto decision = rollout::advance(core_.rules(key), rollout.state, rollout.file, event,
                                   core_.parts.clock.wall());
  rollout.state = decision.next;
  if (!decision.entry) return;
  rollout.decided = core_.parts.clock.wall();
  core_.commit_lowering(key, decision, {});
  core_.tell(key, decision);
}

void Runner::raise(const Key& key, const rollout::Decision& decision, Done done) {
  core_.gate.enter();
  Raise raise{key, core_.rollouts.at(key).version, decision,
              core_.messages_for(key, decision, core_.config), std::move(done)};
  const Core::Messages messages = raise.messages;
  core_.commit_raise(key, decision, messages,
                     [this, raise = std::move(raise)](const base::Result<void>& result) {
                       committed(raise, result);
                     });
}

void Runner::committed(const Raise& raise, const base::Result<void>& result) {
  const Key& key = raise.key;
  Rollout* found = core_.rollouts.find(key);
  const bool overtaken = found == nullptr || found->version != raise.version;
  if (!result) {
    if (found != nullptr) found->not_before = core_.parts.clock.mono() + pause_after_failure;
    log::error("raise_not_committed",
               {{"model", key.first}, {"canary", key.second}, {"error", result.error().message()}});
    raise.done(outcome(
        key, 503, "not raised, because it could not be written down: " + result.error().message(),
        true));
  } else if (overtaken) {
    core_.take_back(raise.messages);
    raise.done(outcome(key, 409, overtaken_text, true));
  } else {
    Rollout& rollout = *found;
    core_.put(key, rollout.file, raise.decision);
    core_.tell(key, raise.decision);
    core_.send(raise.messages);
    core_.publish([this, key, published = rollout.version, done = raise.done,
                   decided = raise.decision.entry->reason] {
      // A later decision has stored its own terms.
      const Rollout* present = core_.rollouts.find(key);
      if (present != nullptr && present->version == published) core_.rollouts.store_slot(key);
      done(outcome(key, 200, decided, true));
    });
  }
  core_.gate.leave();
}

bool Runner::may_step(const Rollout& rollout) const {
  if (core_.gate.busy()) return false;
  return !rollout.not_before || *rollout.not_before <= core_.parts.clock.mono();
}

void Runner::measured(const std::vector<Measurement>& measurements) {
  std::vector<Step> steps;
  std::vector<std::pair<Key, rollout::Decision>> ended;
  base::MonoTime decided = core_.parts.clock.mono();
  for (const auto& [key, measured, last_failure] : measurements) {
    Rollout& rollout = core_.rollouts.at(key);
    auto decision = rollout::advance(core_.rules(key), rollout.state, rollout.file, measured,
                                     core_.parts.clock.wall());
    if (!decision.entry) {
      rollout.state = std::move(decision.next);  // the hold clock alone
    } else if (rollout::raises(rollout.state, rollout.file, decision.next, rollout.file)) {
      ended.emplace_back(key, std::move(decision));
    } else if (decision.entry->after < decision.entry->before || !core_.gate.busy()) {
      if (!decision.trigger.empty()) decided = std::min(decided, last_failure);
      steps.push_back({key, rollout.file, std::move(decision)});
    }
  }
  if (!steps.empty()) lower(steps, decided, nullptr);
  for (const auto& [key, decision] : ended)
    if (may_step(core_.rollouts.at(key))) raise(key, decision, [](const Outcome&) {});
}

}  // namespace canary::control

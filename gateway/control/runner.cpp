#include "control/runner.hpp"

#include "base/units.hpp"
#include "log/log.hpp"

namespace canary::control {
namespace {

constexpr const char* overtaken_text = "overtaken by a later decision about the same canary";

/// A refusal that is written down. A second rollback is none, nor a pause without a phase.
bool is_recorded(const rollout::Event& event, const rollout::State& state) {
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
  const auto wait = core_.ledger.entry_limit.take(command.key.first, decision.entry->kind,
                                                  core_.parts.clock.mono());
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
  const auto decision = rollout::advance(core_.in_force.rules(key), rollout.state, rollout.file,
                                         event, core_.parts.clock.wall());
  const bool raises = rollout::raises(rollout.state, rollout.file, decision.next, rollout.file);
  if ((raises || decision.refused) && core_.gate.busy()) {
    // Decided again when the raise before it is through: the answer may be another then.
    const bool waits = core_.gate.wait(
        key, [this, command] { decide(command); },
        [this, key = key, done = done] { done(outcome(key, 409, overtaken_text, true)); });
    if (!waits) done(outcome(key, 503, "too many raises are waiting for the disk", true));
    return;
  }
  if (decision.refused && !is_recorded(event, rollout.state))
    return done(outcome(key, 409, decision.entry->reason, true));
  if (is_one_too_many(command, decision)) return;
  if (decision.refused) return refuse(key, decision, done);
  if (raises) return raise(key, decision, done);
  lower(key, decision, done);
}

void Runner::refuse(const Key& key, const rollout::Decision& decision, const Done& done) {
  core_.log.write(key, decision);
  core_.ledger.record(key, decision);
  done(outcome(key, 409, decision.entry->reason, true));
}

void Runner::lower(const Key& key, const rollout::Decision& decision, Done done) {
  const base::BasisPoints file = core_.rollouts.at(key).file;
  Transition::make(core_, {{key, file, decision, true}}, core_.parts.clock.mono())
      ->perform([this, key, done = std::move(done),
                 decided = decision.entry ? decision.entry->reason : std::string()](bool durable) {
        done(outcome(key, 200, decided, durable));
      });
}

void Runner::note(const Key& key, const rollout::Event& event) {
  Rollout* found = core_.rollouts.find(key);
  if (found == nullptr) return;  // its version is another model's by now
  Rollout& rollout = *found;
  auto decision = rollout::advance(core_.in_force.rules(key), rollout.state, rollout.file, event,
                                   core_.parts.clock.wall());
  rollout.state = decision.next;
  if (!decision.entry) return;
  rollout.decided = core_.parts.clock.wall();
  core_.ledger.commit_after(key, decision, {});
  core_.log.write(key, decision);
}

void Runner::raise(const Key& key, const rollout::Decision& decision, Done done) {
  const base::BasisPoints file = core_.rollouts.at(key).file;
  const auto transition =
      Transition::make(core_, {{key, file, decision}}, core_.parts.clock.mono());
  transition->commit(
      core_.in_force.config, [this, transition, key, reason = decision.entry->reason,
                              done = std::move(done)](const Transition::Commit& commit) {
        if (!commit.error.empty()) {
          not_committed(key, commit.error, done);
        } else if (commit.overtaken) {
          transition->take_back_messages();
          done(outcome(key, 409, overtaken_text, true));
        } else {
          transition->perform(
              [this, key, reason, done](bool) { done(outcome(key, 200, reason, true)); });
        }
        core_.gate.leave();
      });
}

void Runner::not_committed(const Key& key, const std::string& error, const Done& done) {
  if (Rollout* rollout = core_.rollouts.find(key))
    rollout->not_before = core_.parts.clock.mono() + pause_after_failure;
  log::error("raise_not_committed",
             {{"model", key.first}, {"canary", key.second}, {"error", error}});
  done(outcome(key, 503, "not raised, because it could not be written down: " + error, true));
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
    auto decision = rollout::advance(core_.in_force.rules(key), rollout.state, rollout.file,
                                     measured, core_.parts.clock.wall());
    if (!decision.entry) {
      rollout.state = std::move(decision.next);  // the hold clock alone
    } else if (rollout::raises(rollout.state, rollout.file, decision.next, rollout.file)) {
      ended.emplace_back(key, std::move(decision));
    } else if (decision.entry->after < decision.entry->before || !core_.gate.busy()) {
      if (!decision.trigger.empty()) decided = std::min(decided, last_failure);
      steps.push_back({key, rollout.file, std::move(decision), true});
    }
  }
  if (!steps.empty()) Transition::make(core_, std::move(steps), decided)->perform();
  for (const auto& [key, decision] : ended)
    if (may_step(core_.rollouts.at(key))) raise(key, decision, [](const Outcome&) {});
}

}  // namespace canary::control

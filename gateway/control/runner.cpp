#include "control/runner.hpp"

#include "log/log.hpp"

namespace canary::control {
namespace {

constexpr const char* overtaken_text = "overtaken by a later decision about the same canary";

double milliseconds(base::Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

/// The steps that took a canary out, with what triggered them.
std::vector<std::pair<Key, std::string>> rollbacks_of(const std::vector<Step>& steps) {
  std::vector<std::pair<Key, std::string>> rollbacks;
  for (const Step& step : steps)
    if (!step.decision.trigger.empty()) rollbacks.emplace_back(step.key, step.decision.trigger);
  return rollbacks;
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

void Runner::command(const Key& key, const rollout::Event& event, Done done) {
  const Rollout& rollout = core_.rollouts.at(key);
  const auto decision = rollout::advance(core_.rules(key), rollout.state, rollout.file, event,
                                         core_.parts.clock.wall());
  const bool raises = rollout::raises(rollout.state, rollout.file, decision.next, rollout.file);
  if ((raises || decision.refused) && core_.gate.busy()) {
    // Decided again when the raise before it is through: the answer may be another then.
    const bool waits = core_.gate.wait(
        key, [this, key, event, done] { command(key, event, done); },
        [this, key, done] { done(outcome(key, 409, overtaken_text, true)); });
    if (!waits) done(outcome(key, 503, "too many raises are waiting for the disk", true));
    return;
  }
  if (decision.refused) {
    if (!asks_for_a_raise(event, rollout.state))
      return done(outcome(key, 409, decision.entry->reason, true));
    return refuse(key, decision, done);
  }
  if (raises) return raise(key, decision, std::move(done));
  lower({{key, rollout.file, decision}},
        [this, key, done](bool durable) { done(outcome(key, 200, {}, durable)); });
}

void Runner::refuse(const Key& key, const rollout::Decision& decision, const Done& done) {
  core_.tell(key, decision);
  core_.commit_raise(key, decision.next, decision.entry, [](const base::Result<void>&) {});
  done(outcome(key, 409, decision.entry->reason, true));
}

void Runner::lower(const std::vector<Step>& steps, std::function<void(bool durable)> done) {
  // Also where nothing changes: a raise that is still waiting for the disk was asked for before.
  const auto counts = [this](const Step& step) {
    return step.decision.entry.has_value() || core_.gate.busy();
  };
  const auto missing = std::make_shared<std::size_t>(0);
  for (const Step& step : steps) {
    if (!counts(step)) continue;
    ++*missing;
    core_.put(step.key, step.file, step.decision);
    core_.rollouts.store_slot(step.key);
  }
  const auto in_force = [this, done, missing, decided = core_.parts.clock.mono(),
                         proofs = rollbacks_of(steps)] {
    const double elapsed = milliseconds(core_.parts.clock.mono() - decided);
    for (const auto& [key, trigger] : proofs)
      log::info("rollback_in_force", {{"model", key.first},
                                      {"canary", key.second},
                                      {"trigger", trigger},
                                      {"elapsed_ms", elapsed}});
    if (done) done(*missing == 0);
  };
  if (*missing > 0)
    core_.publish(in_force);
  else
    core_.publisher.when_in_force(in_force);
  for (const Step& step : steps) {
    if (counts(step))
      core_.commit_lowering(step.key, step.decision.entry, [missing] { --*missing; });
    core_.tell(step.key, step.decision);
  }
  for (const Step& step : steps) core_.gate.overtake(step.key);
}

void Runner::raise(const Key& key, const rollout::Decision& decision, Done done) {
  core_.gate.enter();
  core_.commit_raise(
      key, decision.next, decision.entry,
      [this, key, version = core_.rollouts.at(key).version, decision, done = std::move(done)](
          const base::Result<void>& result) { committed(key, version, decision, result, done); });
}

void Runner::committed(const Key& key, std::uint64_t version, const rollout::Decision& decision,
                       const base::Result<void>& result, const Done& done) {
  Rollout& rollout = core_.rollouts.at(key);
  if (!result) {
    rollout.not_before = core_.parts.clock.mono() + pause_after_failure;
    log::error("raise_not_committed",
               {{"model", key.first}, {"canary", key.second}, {"error", result.error().message()}});
    done(outcome(key, 503,
                 "not raised, because it could not be written down: " + result.error().message(),
                 true));
  } else if (rollout.version != version) {
    done(outcome(key, 409, overtaken_text, true));
  } else {
    core_.put(key, rollout.file, decision);
    core_.tell(key, decision);
    core_.publish([this, key, published = rollout.version, done] {
      // A later decision has stored its own terms.
      if (core_.rollouts.at(key).version == published) core_.rollouts.store_slot(key);
      done(outcome(key, 200, {}, true));
    });
  }
  core_.gate.leave();
}

bool Runner::may_step(const Rollout& rollout) const {
  if (core_.gate.busy()) return false;
  return !rollout.not_before || *rollout.not_before <= core_.parts.clock.mono();
}

void Runner::measured(const std::vector<std::pair<Key, rollout::Measured>>& measurements) {
  std::vector<Step> steps;
  std::vector<std::pair<Key, rollout::Decision>> ended;
  for (const auto& [key, measured] : measurements) {
    Rollout& rollout = core_.rollouts.at(key);
    auto decision = rollout::advance(core_.rules(key), rollout.state, rollout.file, measured,
                                     core_.parts.clock.wall());
    if (!decision.entry)
      rollout.state = std::move(decision.next);  // the hold clock alone
    else if (rollout::raises(rollout.state, rollout.file, decision.next, rollout.file))
      ended.emplace_back(key, std::move(decision));
    else if (!decision.trigger.empty() || !core_.gate.busy())
      steps.push_back({key, rollout.file, std::move(decision)});
  }
  if (!steps.empty()) lower(steps, nullptr);
  for (const auto& [key, decision] : ended)
    if (may_step(core_.rollouts.at(key))) raise(key, decision, [](const Outcome&) {});
}

}  // namespace canary::control

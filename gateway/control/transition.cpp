#include "control/transition.hpp"

#include <algorithm>

#include "log/log.hpp"

namespace canary::control {
namespace {

double milliseconds(base::Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

/// The weight was taken away here, and not before.
bool takes_to_zero(const rollout::Decision& decision) {
  return decision.entry && decision.next.proof == rollout::ProofStep::publishing &&
         decision.entry->after == 0 && (decision.entry->before > 0 || !decision.trigger.empty());
}

}  // namespace

std::shared_ptr<Transition> Transition::make(Core& core, std::vector<Step> steps,
                                             base::MonoTime decided) {
  return std::shared_ptr<Transition>(new Transition(core, std::move(steps), decided));
}

Transition::Transition(Core& core, std::vector<Step> steps, base::MonoTime decided)
    : core_(core), steps_(std::move(steps)), decided_(decided) {
  for (const Step& step : steps_) versions_.push_back(core_.rollouts.version(step.key));
}

bool Transition::raises(const Step& step) const {
  const Rollout* rollout = core_.rollouts.find(step.key);
  return rollout != nullptr &&
         rollout::raises(rollout->state, rollout->file, step.decision.next, step.file);
}

bool Transition::raises() const {
  return std::any_of(steps_.begin(), steps_.end(), [this](const Step& s) { return raises(s); });
}

/// A step that overtakes counts although it changes nothing while a raise is on its way.
bool Transition::changes(const Step& step) const {
  return step.decision.entry || step.file != core_.rollouts.at(step.key).file ||
         (step.overtakes && core_.gate.busy());
}

/// Also by a file that has made the version another model's.
bool Transition::is_overtaken() const {
  for (std::size_t i = 0; i < steps_.size(); ++i)
    if (core_.rollouts.find(steps_[i].key) == nullptr ||
        core_.rollouts.version(steps_[i].key) != versions_[i])
      return true;
  return false;
}

void Transition::commit(const config::Config& config, std::function<void(const Commit&)> done) {
  core_.gate.enter();
  std::vector<const Step*> raised;
  for (const Step& step : steps_)
    if (raises(step)) raised.push_back(&step);
  uncommitted_ = raised.size();
  const auto finished = [self = shared_from_this(), done = std::move(done)] {
    self->commit_.overtaken = self->is_overtaken();
    done(self->commit_);
  };
  for (const Step* step : raised) {
    messages_.push_back(core_.ledger.messages_for(step->key, step->decision, config));
    core_.ledger.commit_first(step->key, step->decision, messages_.back(),
                              [this, finished](const base::Result<void>& result) {
                                if (!result) commit_.error = result.error().message();
                                if (--uncommitted_ == 0) finished();
                              });
  }
}

void Transition::take_back_messages() {
  for (const auto& messages : messages_) core_.ledger.take_back(messages);
  messages_.clear();
}

void Transition::withdraw() {
  take_back_messages();
  for (Step& step : steps_) {
    if (!raises(step)) continue;
    const Rollout& rollout = core_.rollouts.at(step.key);
    step.decision = rollout::advance({}, rollout.state, rollout.file, rollout::Withdrawn{},
                                     core_.parts.clock.wall());
    step.file = std::min(step.file, rollout.file);
    core_.ledger.commit_after(step.key, step.decision, {});
  }
}

void Transition::bring_configuration(std::vector<Step> steps) {
  new_configuration_ = true;
  steps_.insert(steps_.begin(), std::make_move_iterator(steps.begin()),
                std::make_move_iterator(steps.end()));
}

/// Memory, and the slots of what is lowered: those say it before any worker does.
Transition::Put Transition::put() {
  Put put;
  for (const Step& step : steps_) {
    const bool raised = raises(step);
    if (!raised && !changes(step)) continue;
    (raised ? put.raised : put.lowered).push_back(&step);
    core_.put(step.key, step.file, step.decision);
    if (!raised) core_.ledger.store_slot(step.key, step.decision);
  }
  return put;
}

void Transition::perform(std::function<void(bool durable)> in_force) {
  const Put put = this->put();
  std::vector<std::pair<Key, std::uint64_t>> lift;
  for (const Step* step : put.raised)
    lift.emplace_back(step->key, core_.rollouts.at(step->key).version);
  const auto missing = std::make_shared<std::size_t>(0);
  auto then = [self = shared_from_this(), lift = std::move(lift), missing,
               in_force = std::move(in_force)] {
    for (const Step& step : self->steps_)
      if (takes_to_zero(step.decision)) self->zero_in_force(step);
    self->lift_slots(lift);
    if (in_force) in_force(*missing == 0);
  };
  if (new_configuration_ || !put.raised.empty() || !put.lowered.empty())
    core_.publish(std::move(then));
  else
    core_.publisher.when_in_force(std::move(then));
  for (const Step* step : put.lowered) {
    if (!step->decision.entry && !step->overtakes)
      continue;  // the file's term is in the slot alone
    ++*missing;
    core_.ledger.commit_after(
        step->key, step->decision, [missing] { --*missing; }, step->former);
  }
  for (const auto& messages : messages_) core_.ledger.send(messages);
  for (const Step& step : steps_) core_.log.write(step.key, step.decision);
  for (const Step& step : steps_)
    if (step.overtakes) core_.gate.overtake(step.key);
}

/// A later decision has stored its own terms.
void Transition::lift_slots(const std::vector<std::pair<Key, std::uint64_t>>& raised) const {
  for (const auto& [key, version] : raised)
    if (const Rollout* rollout = core_.rollouts.find(key); rollout && rollout->version == version)
      core_.rollouts.store_slot(key);
}

void Transition::zero_in_force(const Step& step) const {
  const Key& key = step.key;
  Rollout* rollout = core_.rollouts.find(key);
  if (rollout == nullptr) return;  // its version is another model's by now
  const base::Duration elapsed = core_.parts.clock.mono() - decided_;
  rollout->in_force_after = elapsed;
  log::info("rollback_in_force", {{"model", key.first},
                                  {"canary", key.second},
                                  {"trigger", step.decision.trigger},
                                  {"elapsed_ms", milliseconds(elapsed)}});
  if (core_.on_zero_in_force) core_.on_zero_in_force(key, elapsed);
}

}  // namespace canary::control

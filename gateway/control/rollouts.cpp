#include "control/rollouts.hpp"

#include <set>

#include "log/log.hpp"

namespace canary::control {
namespace {

rollout::State state_from(const Key& key, const store::LatchSlot& slot) {
  rollout::State state;
  state.model = key.first;
  state.canary = key.second;
  state.flag = slot.flag;
  state.cap = slot.latched ? base::BasisPoints{0} : slot.cap;
  if (slot.phase) {
    state.phase = 1;  // which one it is, the plan says
    state.phase_limit = *slot.phase;
  }
  state.latched = slot.latched;
  state.attempt = slot.attempt;
  state.rollbacks = slot.rollbacks;
  if (slot.flag || slot.cap < base::full_weight)
    state.reason = "lowered before the last stop; the reason was not yet on the disk";
  if (slot.latched) {
    state.status = rollout::Status::rolled_back;
    state.reason = "rolled back before the last stop; the reason was not yet on the disk";
  } else if (rollout::on_ladder(state)) {
    state.status = rollout::Status::rolling_back;
  }
  return state;
}

base::BasisPoints full_effect(const rollout::State& state) {
  return rollout::weigh(base::full_weight, state).effective;
}

}  // namespace

Rollouts::Rollouts(store::LatchFile& latch, std::vector<rollout::State> remembered)
    : latch_(latch) {
  for (auto& state : remembered) {
    const Key key{state.model, state.canary};
    Rollout& rollout = rollouts_[key];
    rollout.state = std::move(state);
    const auto slot = latch_.read(key.first, key.second);
    if (!slot) continue;
    rollout.file = slot->file;
    const auto lower = rollout::lower_of(rollout.state, state_from(key, *slot));
    rollout.recovered = lower != rollout.state;
    rollout.unrecorded_rollback = slot->rollbacks > rollout.state.rollbacks &&
                                  full_effect(lower) < full_effect(rollout.state);
    rollout.state = lower;
  }
}

base::Result<void> Rollouts::ensure(const Key& key, std::uint32_t attempt, bool at_start) {
  const auto slot = latch_.read(key.first, key.second);
  const auto [place, added] = rollouts_.try_emplace(key);
  Rollout& rollout = place->second;
  if (added && slot) {
    rollout.state = state_from(key, *slot);
    if (at_start) rollout.file = slot->file;
    rollout.recovered = at_start && (slot->latched || slot->flag || slot->cap < base::full_weight);
    rollout.unrecorded_rollback =
        rollout.recovered && slot->rollbacks > 0 && full_effect(rollout.state) < base::full_weight;
  } else if (added) {
    rollout.state.model = key.first;
    rollout.state.canary = key.second;
    rollout.state.attempt = attempt;
  }
  if (slot) return {};
  store::LatchSlot fresh;
  fresh.flag = rollout.state.flag;
  fresh.cap = rollout.state.cap;
  fresh.file = rollout.file;
  if (rollout.state.phase > 0) fresh.phase = rollout.state.phase_limit;
  fresh.latched = rollout.state.latched;
  fresh.attempt = rollout.state.attempt;
  fresh.rollbacks = rollout.state.rollbacks;
  return latch_.write(key.first, key.second, fresh);
}

std::vector<Key> Rollouts::absent_from(const config::Config& config) const {
  std::set<Key> named;
  for (const auto& model : config.models)
    if (model.canary) named.insert(key_of(model));
  std::vector<Key> absent;
  for (const auto& [key, rollout] : rollouts_)
    if (rollout.file > 0 && !named.contains(key)) absent.push_back(key);
  return absent;
}

std::vector<Key> Rollouts::recovered() const {
  std::vector<Key> recovered;
  for (const auto& [key, rollout] : rollouts_)
    if (rollout.recovered) recovered.push_back(key);
  return recovered;
}

Rollout* Rollouts::find(const Key& key) {
  const auto found = rollouts_.find(key);
  return found == rollouts_.end() ? nullptr : &found->second;
}

const Rollout* Rollouts::find(const Key& key) const {
  const auto found = rollouts_.find(key);
  return found == rollouts_.end() ? nullptr : &found->second;
}

void Rollouts::store_slot(const Key& key) {
  const Rollout& rollout = rollouts_.at(key);
  store::LatchSlot slot;
  slot.flag = rollout.state.flag;
  slot.cap = rollout.weight().cap;
  slot.file = rollout.file;
  if (rollout.state.phase > 0) slot.phase = rollout.state.phase_limit;
  slot.latched = rollout.state.latched;
  slot.attempt = rollout.state.attempt;
  slot.rollbacks = rollout.state.rollbacks;
  // Only the start tolerates a canary without a slot (the latch file is full), and says so then.
  if (auto stored = latch_.write(key.first, key.second, slot); !stored)
    log::error("latch_not_stored",
               {{"model", key.first}, {"canary", key.second}, {"error", stored.error().message()}});
}

std::string Rollouts::objection(const config::Model& model) const {
  if (model.stable_unproven) return {};
  const Key key{model.name, model.stable.name};
  const Rollout* known = find(key);
  const auto slot = latch_.read(key.first, key.second);
  if (known == nullptr && !slot) return {};
  const rollout::State state = known ? known->state : state_from(key, *slot);
  if (!state.latched && state.status == rollout::Status::complete) return {};
  return "models." + model.name + ".stable.version: " + model.stable.name + " is remembered as " +
         (state.latched ? "a canary that was rolled back (" + state.reason + ")"
                        : "a canary whose rollout is not complete (" +
                              std::string(rollout::name(state.status)) + ")") +
         "; keep the proven version as stable, or set `stable.unproven: accept`";
}

std::map<std::string, base::BasisPoints> Rollouts::weights(const config::Config& config) const {
  std::map<std::string, base::BasisPoints> weights;
  for (const auto& model : config.models) {
    if (!model.canary) continue;
    const Rollout* rollout = find(key_of(model));
    weights[model.name] = rollout ? rollout->weight().effective : base::BasisPoints{0};
  }
  return weights;
}

}  // namespace canary::control

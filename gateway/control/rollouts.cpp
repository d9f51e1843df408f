#include "control/rollouts.hpp"

#include <algorithm>
#include <set>
#include <utility>

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

/// A rollback holds it down, whatever the file says.
bool is_rolled_back(const rollout::State& state) {
  return rollout::on_ladder(state) || rollout::weigh(base::full_weight, state).effective == 0;
}

store::LatchSlot slot_of(const Rollout& rollout) {
  store::LatchSlot slot;
  slot.flag = rollout.state.flag;
  slot.cap = rollout.weight().cap;
  slot.file = rollout.file;
  if (rollout.state.phase > 0 || rollout.state.phase_limit < base::full_weight)
    slot.phase = rollout.state.phase_limit;
  slot.latched = rollout.state.latched;
  slot.attempt = rollout.state.attempt;
  slot.rollbacks = rollout.state.rollbacks;
  return slot;
}

bool names(const config::Config& config, const Key& key) {
  return std::any_of(config.models.begin(), config.models.end(),
                     [&](const auto& model) { return model.canary && key_of(model) == key; });
}

/// Takes over what is known of the version under another model: `first`, in place of what it had;
/// else the lower of both.
void absorb(Rollout& own, const std::string& model, const Rollout& former, bool first) {
  rollout::State theirs = former.state;
  theirs.model = model;
  const std::uint32_t attempt = std::max(first ? 0 : own.state.attempt, theirs.attempt);
  own.state = first ? std::move(theirs) : rollout::lower_of(own.state, theirs);
  own.state.attempt = attempt;
}

/// Nothing in the state holds a weight down: without it the file alone would decide, as now.
bool holds_nothing(const Rollout& rollout) {
  return rollout.file == 0 && !rollout.state.latched && !rollout.state.flag &&
         rollout.state.cap == base::full_weight && *rollout.uncommitted == 0 && !rollout.fresh;
}

}  // namespace

Rollouts::Rollouts(store::LatchFile& latch, std::vector<rollout::State> remembered)
    : latch_(latch) {
  std::map<std::string, std::uint32_t> rollbacks;  // of a version, under whatever model
  for (auto& state : remembered) {
    std::uint32_t& recorded = rollbacks[state.canary];
    recorded = std::max(recorded, state.rollbacks);
    const Key key{state.model, state.canary};
    rollouts_[key].state = std::move(state);
  }
  for (const Key& key : latch_.names()) {
    const bool recorded = !rollouts_.try_emplace(key).second;
    merge(key, *latch_.read(key.first, key.second), recorded, rollbacks[key.second]);
  }
}

/// The lower of slot and database, or the slot alone.
void Rollouts::merge(const Key& key, store::LatchSlot slot, bool recorded,
                     std::uint32_t rollbacks) {
  Rollout& rollout = rollouts_.at(key);
  rollout.attempt_unknown = slot.attempt == 0;
  if (rollout.attempt_unknown) {  // the slot was damaged: it closes the latch, as a rollback does
    slot.attempt = std::max(rollout.state.attempt, 1U);
    slot.rollbacks = rollbacks + (rollout.state.latched ? 0 : 1);
  }
  rollout.file = slot.file;
  rollout.unrecorded_number = slot.rollbacks > rollbacks;
  rollout::State by_slot = state_from(key, slot);
  if (rollout.attempt_unknown)
    by_slot.reason = "its slot in the latch file was damaged, so a rollback may be forgotten";
  if (!recorded) {
    rollout.state = std::move(by_slot);
    rollout.recovered = slot.latched || slot.flag || slot.cap < base::full_weight;
    rollout.unrecorded_rollback = rollout.unrecorded_number && is_rolled_back(rollout.state);
    return;
  }
  const auto lower = rollout::lower_of(rollout.state, by_slot);
  rollout.recovered = lower != rollout.state;
  rollout.unrecorded_rollback = rollout.unrecorded_number && is_rolled_back(lower);
  rollout.state = lower;
  // Where the database was lower, either alone is enough from now on. A damaged slot stays what it
  // is until a file says which attempt opens nothing.
  if (!rollout.attempt_unknown) store_slot(key);
}

base::Result<void> Rollouts::ensure(const config::Model& model) {
  const Key key = key_of(model);
  const auto [place, added] = rollouts_.try_emplace(key);
  Rollout& rollout = place->second;
  if (added) {
    rollout.fresh = true;
    rollout.state.model = key.first;
    rollout.state.canary = key.second;
    rollout.state.attempt = std::max(model.attempt, highest_attempt(model.name));
  }
  if (has_slot(key)) return {};
  return latch_.write(key.first, key.second, slot_of(rollout));
}

void Rollouts::inherit(const config::Model& model, const config::Config& file,
                       const config::Config& in_force) {
  const Key key = key_of(model);
  Rollout& own = rollouts_.at(key);
  const rollout::State before = own.state;
  own.stable = model.stable.name;
  bool first = own.fresh;
  for (const Key& former_key : former(key)) {
    const Rollout& former = rollouts_.at(former_key);
    const bool renamed = std::none_of(file.models.begin(), file.models.end(),
                                      [&](const auto& m) { return m.name == former_key.first; });
    absorb(own, key.first, former, first);
    own.attempt_unknown |= former.attempt_unknown;
    if (own.fresh) {
      const base::BasisPoints in_force = renamed ? former.file : base::BasisPoints{0};
      own.file = first ? in_force : std::min(own.file, in_force);
    }
    first = false;
  }
  // A version that was not in force takes part in what the model has seen meanwhile.
  if (own.file == 0 || own.fresh)
    own.state.attempt = std::max(own.state.attempt, highest_attempt(model.name));
  for (const auto& present : in_force.models)
    if (present.name == model.name && key_of(present) != key)
      own.state.attempt = std::max(own.state.attempt, present.attempt);
  if (std::exchange(own.attempt_unknown, false))
    own.state.attempt = std::max(own.state.attempt, model.attempt);
  if (own.state != before) store_slot(key);
}

void Rollouts::take_over(const Key& key) {
  const auto [place, added] = rollouts_.try_emplace(key);
  bool first = added;
  for (const Key& former_key : former(key)) {
    absorb(place->second, key.first, rollouts_.at(former_key), first);
    first = false;
  }
}

std::vector<Key> Rollouts::of_version(const std::string& canary) const {
  std::vector<Key> keys;
  for (const auto& [key, rollout] : rollouts_)
    if (key.second == canary) keys.push_back(key);
  return keys;
}

std::vector<Key> Rollouts::former(const Key& key) const {
  std::vector<Key> keys = of_version(key.second);
  std::erase(keys, key);
  return keys;
}

void Rollouts::settle(const Key& key) {
  rollouts_.at(key).fresh = false;
  for (const Key& gone : former(key)) {
    rollouts_.at(key).version += rollouts_.at(gone).version;  // version() must not fall
    free_slot(gone);
    rollouts_.erase(gone);
  }
}

void Rollouts::forget_fresh() {
  for (auto place = rollouts_.begin(); place != rollouts_.end();) {
    if (!place->second.fresh) {
      ++place;
      continue;
    }
    free_slot(place->first);
    place = rollouts_.erase(place);
  }
}

std::uint32_t Rollouts::highest_attempt(const std::string& model) const {
  const auto seen = seen_.find(model);
  std::uint32_t highest = seen == seen_.end() ? 0 : seen->second;
  for (const auto& [key, rollout] : rollouts_)
    if (key.first == model && !rollout.fresh) highest = std::max(highest, rollout.state.attempt);
  return highest;
}

std::vector<Key> Rollouts::spread(const std::string& model, std::uint32_t attempt) {
  std::uint32_t& seen = seen_[model];
  seen = std::max(seen, attempt);
  std::vector<Key> changed;
  for (auto& [key, rollout] : rollouts_) {
    if (key.first != model || rollout.fresh || rollout.state.attempt >= attempt) continue;
    rollout.state.attempt = attempt;
    if (has_slot(key)) store_slot(key);
    changed.push_back(key);
  }
  return changed;
}

void Rollouts::forget_models(const config::Config& config) {
  constexpr std::size_t capacity = 1024;
  if (seen_.size() <= capacity) return;
  std::erase_if(seen_, [&](const auto& seen) {
    return std::none_of(config.models.begin(), config.models.end(),
                        [&](const auto& model) { return model.name == seen.first; });
  });
}

std::uint64_t Rollouts::version(const Key& key) const {
  std::uint64_t sum = 0;
  for (const Key& same : of_version(key.second)) sum += rollouts_.at(same).version;
  return sum;
}

void Rollouts::free_unneeded(const config::Config& one, const config::Config& other) {
  if (latch_.size() < store::LatchFile::slot_count / 4 * 3) return;
  for (const auto& [key, rollout] : rollouts_)
    if (holds_nothing(rollout) && !names(one, key) && !names(other, key)) free_slot(key);
}

void Rollouts::take_missing_slots() {
  for (const auto& [key, rollout] : rollouts_)
    if (!holds_nothing(rollout) && !has_slot(key)) store_slot(key);
}

std::size_t Rollouts::needed_slots(const config::Config& config) const {
  std::size_t needed = 0;
  for (const auto& [key, rollout] : rollouts_)
    if (has_slot(key) && (!holds_nothing(rollout) || names(config, key))) ++needed;
  return needed;
}

std::vector<const Rollout*> Rollouts::latched() const {
  std::vector<const Rollout*> latched;
  for (const auto& [key, rollout] : rollouts_)
    if (rollout.state.latched) latched.push_back(&rollout);
  return latched;
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
  // Only the start tolerates a canary without a slot (the latch file is full), and says so then.
  if (auto stored = latch_.write(key.first, key.second, slot_of(rollouts_.at(key))); !stored)
    log::error("latch_not_stored",
               {{"model", key.first}, {"canary", key.second}, {"error", stored.error().message()}});
}

/// The version's rollout, whatever model it was last under; this model's own first.
const Rollout* Rollouts::find_version(const std::string& model, const std::string& version) const {
  if (const Rollout* own = find({model, version})) return own;
  const auto keys = of_version(version);
  return keys.empty() ? nullptr : find(keys.front());
}

std::string Rollouts::objection(const config::Model& model) const {
  if (model.stable_unproven) return {};
  const Rollout* known = find_version(model.name, model.stable.name);
  if (known == nullptr || known->fresh) return {};
  const rollout::State& state = known->state;
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

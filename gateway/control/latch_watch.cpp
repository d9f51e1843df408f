#include "control/latch_watch.hpp"

#include <algorithm>

#include "log/log.hpp"

namespace canary::control {
namespace {

constexpr std::size_t few_slots = store::LatchFile::slot_count / 5;  // free ones

}  // namespace

void LatchWatch::tick(base::MonoTime now) {
  check(now);
  take_missing_slots();
  count_slots();
}

void LatchWatch::check(base::MonoTime now) {
  const auto found = core_.parts.latch().check(now);
  if (!found) return;
  ++damages_;
  last_damage_ = found->damage;
  // A file that cannot be made is looked at every few seconds, and told when that changes.
  if (std::exchange(last_told_, found->damage + found->error) == last_told_ &&
      !found->error.empty())
    return;
  log::error(
      "latch_damaged",
      {{"damage", found->damage}, {"kept_aside", found->kept_aside}, {"error", found->error}});
}

/// A canary for which there was no slot gets one when one is free.
void LatchWatch::take_missing_slots() {
  if (core_.parts.latch().size() == store::LatchFile::slot_count) return;
  for (const auto& model : core_.in_force.config.models)
    if (model.canary && !core_.rollouts.has_slot(key_of(model)))
      core_.rollouts.store_slot(key_of(model));
}

void LatchWatch::count_slots() {
  needed_ = core_.rollouts.needed_slots(core_.in_force.config);
  const bool few = store::LatchFile::slot_count - needed_ < few_slots;
  if (std::exchange(few_, few) == few || !few) return;
  log::warn("latch_slots_low",
            {{"needed", needed_},
             {"slots", store::LatchFile::slot_count},
             {"to_do",
              "canary-gateway latches lists them; canary-gateway forget VERSION --reason "
              "... frees the slot of one that will not be used again"}});
}

std::vector<LatchedView> LatchWatch::latched() const {
  std::vector<LatchedView> views;
  for (const Rollout* rollout : core_.rollouts.latched()) {
    const rollout::State& state = rollout->state;
    const bool named =
        std::any_of(core_.in_force.config.models.begin(), core_.in_force.config.models.end(),
                    [&](const auto& model) {
                      return model.canary && key_of(model) == Key{state.model, state.canary};
                    });
    views.push_back({state.model, state.canary, state.reason, state.since, state.attempt,
                     state.rollbacks, named});
  }
  return views;
}

LatchView LatchWatch::view() const {
  LatchView view;
  view.slots = store::LatchFile::slot_count;
  view.needed = needed_;
  view.latched = core_.rollouts.latched().size();
  view.few = few_;
  view.damages = damages_;
  view.last_damage = last_damage_;
  view.fault = core_.parts.latch().fault();
  return view;
}

}  // namespace canary::control

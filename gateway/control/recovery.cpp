#include "control/recovery.hpp"

#include <algorithm>
#include <set>

#include "control/rollback_note.hpp"
#include "log/log.hpp"

namespace canary::control {
namespace {

void tell_of_damage(const Core& core) {
  const store::LatchFile& latch = core.parts.latch;
  if (latch.lost())
    log::error("latch_lost", {{"damage", latch.damage()},
                              {"kept_aside", latch.kept_aside()},
                              {"consequence",
                               core.parts.lowerings_lost
                                   ? "the last gateway was killed, so a rollback may be forgotten: "
                                     "canaries without a slot begin latched"
                                   : "the database says what is latched"}});
  else if (!latch.damage().empty())
    log::error(
        "latch_damaged",
        {{"damage", latch.damage()}, {"kept_aside", latch.kept_aside()}, {"error", latch.fault()}});
}

/// The versions of which the latch file still knows something.
std::set<std::string> versions_with_slot(const Core& core) {
  std::set<std::string> versions;
  for (const auto& [model, canary] : core.parts.latch.names()) versions.insert(canary);
  return versions;
}

/// Records what only the latch file knew.
void record(Core& core, const Key& key) {
  Rollout& rollout = core.rollouts.at(key);
  rollout.recovered = false;
  const auto words = core.parts.latch.note(key.first, key.second, rollout.state.rollbacks);
  const auto note = words ? read_note(*words) : std::nullopt;
  const auto weight = rollout.weight().effective;
  Ledger::Told told{core.parts.clock.wall(), rollout.stable};
  if (note && rollout.unrecorded_rollback) {
    rollout.state.reason = note->entry.reason;
    rollout.state.trigger = note->trigger;
    rollout.state.since = note->time;
  }
  rollout::Decision decision{rollout.state, false, std::nullopt, {}};
  if (note && rollout.unrecorded_rollback && !core.parts.state_lost) {
    decision.entry = note->entry;
    decision.trigger = note->trigger;
    decision.mode = note->mode;
    told = {note->time, note->stable};
  } else {
    decision.entry =
        rollout::Entry{rollout::EntryKind::recovered,
                       "gateway",
                       "the latch file is lower than the database: " + rollout.state.reason,
                       std::nullopt,
                       weight,
                       weight};
    // Of a lost database nobody knows what was told: what is old is not told again.
    if (rollout.unrecorded_rollback && !core.parts.state_lost) decision.trigger = "recovered";
  }
  core.ledger.commit_after(key, decision, {}, told);
  core.log.write(key, decision);
}

void latch(Core& core, const config::Model& model, const std::string& why) {
  const Key key = key_of(model);
  Rollout& rollout = core.rollouts.at(key);
  // The file's attempt may be the one that was rolled back: only a higher one opens this latch.
  rollout.state.attempt = std::max(rollout.state.attempt, model.attempt);
  const auto lost = rollout::advance(rollout::rules_of(model), rollout.state, rollout.file,
                                     rollout::StateLost{why}, core.parts.clock.wall());
  rollout.fresh = false;  // from now on it knows more than what it was made from
  core.put(key, rollout.file, lost);
  core.ledger.store_slot(key, lost);
  core.log.write(key, lost);
  core.ledger.commit_after(key, lost, {});
}

}  // namespace

void recover(Core& core, const config::Config& config) {
  tell_of_damage(core);
  const auto with_slot = versions_with_slot(core);
  for (const auto& model : config.models)
    if (model.canary)
      if (Rollout* known = core.rollouts.find(key_of(model))) known->stable = model.stable.name;
  // Also those that the file does not name now: the latch file may be lost before it does.
  for (const Key& key : core.rollouts.recovered()) record(core, key);
  for (const auto& model : config.models) {
    if (!model.canary) continue;
    if (auto taken = core.rollouts.ensure(model); !taken)
      log::error("latch_slot_missing", {{"error", taken.error().message()}});
    core.rollouts.inherit(model, config, core.in_force.config);
    if (core.parts.state_lost)
      latch(core, model, "the state database was lost, so nobody knows what was rolled back");
    else if (core.parts.lowerings_lost && !with_slot.contains(model.canary->name))
      latch(
          core, model,
          "the latch file was lost after a crash, so a rollback may be forgotten that was not yet "
          "in the database");
  }
}

}  // namespace canary::control

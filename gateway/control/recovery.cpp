#include "control/recovery.hpp"

#include <algorithm>
#include <set>

#include "control/rollback_note.hpp"
#include "log/log.hpp"

namespace canary::control {
namespace {

void tell_of_damage(const Core& core) {
  const store::LatchFile& latch = core.parts.latch();
  if (latch.lost())
    log::error(
        "latch_lost",
        {{"damage", latch.lost_just_now() ? latch.damage()
                                          : "found by an earlier start, which was killed before "
                                            "it had latched everything"},
         {"kept_aside", latch.kept_aside()},
         {"consequence", core.parts.state.lowerings_lost()
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
  for (const auto& [model, canary] : core.parts.latch().names()) versions.insert(canary);
  return versions;
}

/// The version that serves in the canary's place: of the model that the canary was remembered
/// under, or of the one that it has moved to. Empty where the file names neither.
std::string stable_in(const config::Config& config, const Key& key) {
  std::string stable = stable_of(config, key);
  for (const auto& model : config.models)
    if (stable.empty() && model.canary && model.canary->name == key.second)
      stable = model.stable.name;
  return stable;
}

/// The words in which the rollback was decided, where the latch file still has them.
std::optional<RollbackNote> note_of(const Core& core, const Key& key) {
  const std::uint32_t rollback = core.rollouts.find(key)->state.rollbacks;
  const auto words = core.parts.latch().note(key.second, rollback);
  return words ? read_note(*words) : std::nullopt;
}

/// Whether people must be told of a rollback that the database does not have. Of a lost database
/// nobody knows what was told, so what is old is not told again; but a start that was killed before
/// it had latched everything may have told nobody.
bool is_to_be_told(const Core& core, const Rollout& rollout,
                   const std::optional<RollbackNote>& note) {
  // By the file at 0% the version is out without a term of its own that says so.
  const bool out = rollout.unrecorded_rollback ||
                   (rollout.unrecorded_number && note && rollout.weight().effective == 0);
  if (!out || !core.parts.state.journal.lost) return out;
  return core.parts.state.lost_before() && note && note->trigger == "state_lost";
}

/// Records what only the latch file knew.
void record(Core& core, const config::Config& config, const Key& key,
            const std::optional<RollbackNote>& note) {
  Rollout& rollout = core.rollouts.at(key);
  rollout.recovered = false;
  rollout.stable = stable_in(config, key);
  rollout.decided = core.parts.clock.wall();
  const bool tell = is_to_be_told(core, rollout, note);
  const auto weight = rollout.weight().effective;
  Ledger::Told told{rollout.decided, rollout.stable};
  const bool wordless =
      rollout.state.trigger.empty() && (rollout.state.latched || rollout::on_ladder(rollout.state));
  if (note && (rollout.unrecorded_rollback || wordless)) {
    rollout.state.reason = note->entry.reason;
    rollout.state.trigger = note->trigger;
    rollout.state.since = note->time;
  }
  rollout::Decision decision{rollout.state, false, std::nullopt, {}};
  if (note && tell) {
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
    if (tell) decision.trigger = "recovered";
  }
  // The next start says it in the same words, should this one be killed.
  if (tell && !note)
    core.parts.latch().keep_note(
        key.first, key.second, rollout.state.rollbacks,
        text_of({told.when, told.stable, decision.trigger, decision.mode, *decision.entry}));
  core.ledger.commit_after(key, decision, {}, told);
  core.log.write(key, decision);
}

/// `latched`: when it is committed.
void latch(Core& core, const config::Model& model, const std::string& why,
           std::function<void()> latched) {
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
  core.ledger.commit_after(key, lost, std::move(latched));
}

/// What a start had to latch because something was lost. When all of it is committed, neither the
/// database nor the latch file says any more that it is due: a kill before leaves it to the next
/// start.
class LossSettled {
 public:
  explicit LossSettled(Core& core) : core_(core) {}
  /// One more that has to be committed; to be called then.
  std::function<void()> one() {
    ++*due_;
    return [&core = core_, due = due_] {
      if (--*due == 0) settle(core);
    };
  }

 private:
  static void settle(Core& core) {
    core.parts.latch().loss_settled();
    if (core.parts.state.journal.lost) core.parts.journal().loss_settled();
  }
  Core& core_;
  std::shared_ptr<std::size_t> due_ = std::make_shared<std::size_t>(0);
};

}  // namespace

void recover(Core& core, const config::Config& config) {
  tell_of_damage(core);
  const auto with_slot = versions_with_slot(core);
  // Also those that the file does not name now: the latch file may be lost before it does.
  std::vector<std::pair<Key, std::optional<RollbackNote>>> recovered;
  for (const Key& key : core.rollouts.recovered()) recovered.emplace_back(key, note_of(core, key));
  for (const auto& [key, note] : recovered) record(core, config, key, note);
  core.rollouts.take_missing_slots();
  LossSettled settled(core);
  const auto begin = settled.one();  // nothing is settled before all of it has begun
  for (const auto& model : config.models) {
    if (!model.canary) continue;
    if (auto taken = core.rollouts.ensure(model); !taken)
      log::error("latch_slot_missing", {{"error", taken.error().message()}});
    core.rollouts.inherit(model, config, core.in_force.config);
    if (core.parts.state.journal.lost)
      latch(core, model, "the state database was lost, so nobody knows what was rolled back",
            settled.one());
    else if (core.parts.state.lowerings_lost() && !with_slot.contains(model.canary->name))
      latch(
          core, model,
          "the latch file was lost after a crash, so a rollback may be forgotten that was not yet "
          "in the database",
          settled.one());
  }
  begin();
}

}  // namespace canary::control

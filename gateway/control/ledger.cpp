#include "control/ledger.hpp"

#include "control/notices.hpp"
#include "control/rollback_note.hpp"
#include "log/log.hpp"

namespace canary::control {
namespace {

store::HistoryRow row_of(const Key& key, const rollout::Entry& entry, base::WallTime when,
                         std::uint64_t generation) {
  store::HistoryRow row;
  row.time = when;
  row.model = key.first;
  row.canary = key.second;
  row.generation = generation;
  row.entry = entry;
  return row;
}

}  // namespace

Ledger::Ledger(const Parts& parts, const ControlThread& thread, const InForce& in_force,
               Rollouts& rollouts)
    : parts_(parts),
      thread_(thread),
      in_force_(in_force),
      rollouts_(rollouts),
      telling_(parts.notifier),
      figures_(parts.clock, parts.registry, parts.state.journal.figures) {}

/// A model that the file does not name any more had the stable that was last beside the canary.
Ledger::Told Ledger::told(const Key& key) const {
  const Rollout* rollout = rollouts_.find(key);
  std::string stable = stable_of(in_force_.config, key);
  return {rollout->decided, stable.empty() ? rollout->stable : std::move(stable)};
}

Ledger::Messages Ledger::messages_for(const Key& key, const rollout::Decision& decision,
                                      const config::Config& by) const {
  return messages_for(key, decision, Told{parts_.clock.wall(), stable_of(by, key)});
}

Ledger::Messages Ledger::messages_for(const Key& key, const rollout::Decision& decision,
                                      const Told& told) const {
  const auto kind = notice_kind(decision);
  if (!kind || parts_.notifier == nullptr) return {};
  return parts_.notifier->messages_for(
      notice_of(key, decision, *kind, told.stable, parts_.latch().instance(), told.when));
}

void Ledger::send(const Messages& messages) const {
  if (!messages.empty()) parts_.notifier->send(messages);
}

Ledger::Messages Ledger::undelivered() const {
  Messages messages;
  for (const auto& row : parts_.state.journal.outbox)
    messages.push_back({row.id, row.receiver, row.body, row.created, row.harmless});
  return messages;
}

void Ledger::take_back(const Messages& messages) const {
  for (const auto& message : messages) parts_.journal().settle(message.id, message.receiver);
}

void Ledger::commit_after(const Key& key, const rollout::Decision& decision,
                          std::function<void()> committed, std::vector<std::string> former) {
  commit_after(key, decision, std::move(committed), told(key), std::move(former));
}

void Ledger::commit_after(const Key& key, const rollout::Decision& decision,
                          std::function<void()> committed, const Told& told,
                          std::vector<std::string> former) {
  Rollout& rollout = rollouts_.at(key);
  ++*rollout.uncommitted;
  const Messages messages = messages_for(key, decision, told);
  const std::uint64_t place = telling_.add(messages);
  if (!decision.trigger.empty()) telling_.tell_until(place);
  const bool harmless = decision.entry && decision.entry->harmless;
  if (harmless) entry_limit.begin();
  auto record = make_record(key, rollout.state, decision, messages, told.when);
  record.former = std::move(former);
  parts_.journal().commit(
      std::move(record), true,
      thread_.callback([this, key, place, harmless, uncommitted = rollout.uncommitted,
                        committed = std::move(committed)](const base::Result<void>& result) {
        --*uncommitted;
        if (harmless) entry_limit.end();
        telling_.tell_until(place);
        if (result && committed) committed();
        if (!result)
          log::warn(
              "decision_not_recorded",
              {{"model", key.first}, {"canary", key.second}, {"error", result.error().message()}});
      }));
}

void Ledger::commit_first(const Key& key, const rollout::Decision& decision,
                          const Messages& messages, std::function<void(base::Result<void>)> done) {
  parts_.journal().commit(make_record(key, decision.next, decision, messages, parts_.clock.wall()),
                          false, thread_.callback(std::move(done)));
}

void Ledger::record(const Key& key, const rollout::Decision& decision) {
  commit_first(key, decision, {}, [](const base::Result<void>&) {});
}

store::Journal::Record Ledger::make_record(const Key& key, const rollout::State& state,
                                           const rollout::Decision& decision,
                                           const Messages& messages, base::WallTime when) const {
  store::Journal::Record record;
  record.state = state;
  if (decision.entry) record.row = row_of(key, *decision.entry, when, in_force_.view.generation);
  for (const auto& message : messages)
    record.messages.push_back(
        {message.id, message.receiver, message.body, message.created, message.harmless});
  return record;
}

void Ledger::save_figures(bool all) {
  auto rows = figures_.take_unsaved(all);
  if (rows.empty()) return;
  parts_.journal().save_figures(
      rows, thread_.callback([this, rows](const base::Result<void>& saved) {
        if (saved) return;
        figures_.put_back(rows);
        log::warn("figures_not_saved", {{"error", saved.error().message()}});
      }));
}

void Ledger::store_slot(const Key& key, const rollout::Decision& decision) {
  if (!decision.trigger.empty() && decision.entry) {
    const Told said = told(key);
    parts_.latch().keep_note(key.first, key.second, decision.next.rollbacks,
                             text_of(RollbackNote{said.when, said.stable, decision.trigger,
                                                  decision.mode, *decision.entry}));
  }
  rollouts_.store_slot(key);
}

void Ledger::save_state(const Key& key, bool retried) {
  parts_.journal().commit({rollouts_.at(key).state, std::nullopt, {}}, retried, {});
}

void Ledger::look_at_figures() { figures_.look(in_force_.config, rollouts_); }

}  // namespace canary::control

#include "control/core.hpp"

#include "base/random.hpp"
#include "control/notices.hpp"
#include "control/rollback_note.hpp"
#include "log/log.hpp"

namespace canary::control {

Core::Core(Controller::Parts given)
    : parts(std::move(given)),
      rollouts(parts.latch, std::move(parts.remembered)),
      publisher(parts.clock, parts.data_plane, parts.registry),
      measure(parts.quality),
      telling(parts.notifier),
      resolver(
          parts.io, [this] { publish({}); }, parts.resolve ? parts.resolve : Resolver::system()),
      figures(parts.clock, parts.registry, parts.figures),
      probes(parts.clock, parts.send_probe, base::random_seed()),
      endpoints(parts.clock, probes) {
  view.path = parts.config_path;
}

void Core::publish(std::function<void()> in_force) {
  figures.look(config, rollouts);  // the versions may be others
  publisher.publish(
      config, rollouts.weights(config),
      [this](const config::EndpointUrl& url) { return own.allowed(url, resolver.lookup(url)); },
      std::move(in_force));
  measure.follow(*publisher.table(), parts.clock.mono());
  endpoints.follow(publisher.table());
  probes.follow(*publisher.table());
}

rollout::Rules Core::rules(const Key& key) const {
  for (const auto& model : config.models)
    if (key_of(model) == key) return rollout::rules_of(model);
  return {};
}

store::HistoryRow Core::row(const Key& key, rollout::Entry entry, base::WallTime when) const {
  store::HistoryRow row;
  row.time = when;
  row.model = key.first;
  row.canary = key.second;
  row.generation = view.generation;
  row.entry = std::move(entry);
  return row;
}

std::string Core::stable_of(const config::Config& config, const Key& key) {
  for (const auto& model : config.models)
    if (model.name == key.first) return model.stable.name;
  return {};
}

/// A model that the file does not name any more had the stable that was last beside the canary.
Core::Told Core::told(const Key& key) const {
  const Rollout* rollout = rollouts.find(key);
  std::string stable = stable_of(config, key);
  return {rollout->decided, stable.empty() ? rollout->stable : std::move(stable)};
}

Core::Messages Core::messages_for(const Key& key, const rollout::Decision& decision,
                                  const config::Config& by) const {
  return messages_for(key, decision, Told{parts.clock.wall(), stable_of(by, key)});
}

Core::Messages Core::messages_for(const Key& key, const rollout::Decision& decision,
                                  const Told& told) const {
  const auto kind = notice_kind(decision);
  if (!kind || parts.notifier == nullptr) return {};
  return parts.notifier->messages_for(
      notice_of(key, decision, *kind, told.stable, parts.latch.instance(), told.when));
}

void Core::send(const Messages& messages) const {
  if (!messages.empty()) parts.notifier->send(messages);
}

Core::Messages Core::undelivered() const {
  Messages messages;
  for (const auto& row : parts.undelivered)
    messages.push_back({row.id, row.receiver, row.body, row.created, row.harmless});
  return messages;
}

void Core::take_back(const Messages& messages) const {
  for (const auto& message : messages) parts.journal.settle(message.id, message.receiver);
}

void Core::commit_after(const Key& key, const rollout::Decision& decision,
                        std::function<void()> committed, std::vector<std::string> former) {
  commit_after(key, decision, std::move(committed), told(key), std::move(former));
}

void Core::commit_after(const Key& key, const rollout::Decision& decision,
                        std::function<void()> committed, const Told& told,
                        std::vector<std::string> former) {
  Rollout& rollout = rollouts.at(key);
  ++rollout.uncommitted;
  const Messages messages = messages_for(key, decision, told);
  const std::uint64_t place = telling.add(messages);
  if (!decision.trigger.empty()) telling.tell_until(place);
  const bool harmless = decision.entry && decision.entry->harmless;
  if (harmless) entry_limit.begin();
  auto record = make_record(key, rollout.state, decision, messages, told.when);
  record.former = std::move(former);
  parts.journal.commit(
      std::move(record), true,
      on_control([this, key, place, harmless,
                  committed = std::move(committed)](const base::Result<void>& result) {
        // Its version may be another model's by now.
        if (Rollout* present = rollouts.find(key)) --present->uncommitted;
        if (harmless) entry_limit.end();
        telling.tell_until(place);
        if (result && committed) committed();
        if (!result)
          log::warn(
              "decision_not_recorded",
              {{"model", key.first}, {"canary", key.second}, {"error", result.error().message()}});
      }));
}

void Core::commit_first(const Key& key, const rollout::Decision& decision, const Messages& messages,
                        std::function<void(base::Result<void>)> done) {
  parts.journal.commit(make_record(key, decision.next, decision, messages, parts.clock.wall()),
                       false, on_control(std::move(done)));
}

void Core::record(const Key& key, const rollout::Decision& decision) {
  commit_first(key, decision, {}, [](const base::Result<void>&) {});
}

store::Journal::Record Core::make_record(const Key& key, const rollout::State& state,
                                         const rollout::Decision& decision,
                                         const Messages& messages, base::WallTime when) const {
  store::Journal::Record record;
  record.state = state;
  if (decision.entry) record.row = row(key, *decision.entry, when);
  for (const auto& message : messages)
    record.messages.push_back(
        {message.id, message.receiver, message.body, message.created, message.harmless});
  return record;
}

void Core::save_figures(bool all) {
  auto rows = figures.take_unsaved(all);
  if (rows.empty()) return;
  parts.journal.save_figures(rows, on_control([this, rows](const base::Result<void>& saved) {
                               if (saved) return;
                               figures.put_back(rows);
                               log::warn("figures_not_saved", {{"error", saved.error().message()}});
                             }));
}

void Core::put(const Key& key, base::BasisPoints file, const rollout::Decision& decision) {
  Rollout& rollout = rollouts.at(key);
  const auto before = rollout.weight().effective;
  const auto phase = rollout.state.phase;
  const auto cap = rollout.state.cap;
  const auto attempt = rollout.state.attempt;
  rollout.state = decision.next;
  rollout.decided = parts.clock.wall();
  if (std::string stable = stable_of(config, key); !stable.empty() && stable != key.second)
    rollout.stable = std::move(stable);
  rollout.counted_until.reset();
  rollout.file = file;
  ++rollout.version;
  if (!decision.refused && decision.entry) rollout.last_refusal.clear();
  if (phase != rollout.state.phase || attempt != rollout.state.attempt) {
    figures.look(config, rollouts);
    save_figures(false);
  }
  // The return from 0 is judged on its own evidence, whatever took the weight away, and so are each
  // phase and each rung. What took the weight away stays to be read.
  const auto after = rollout.weight().effective;
  if ((before == 0) != (after == 0) || phase != rollout.state.phase || cap != rollout.state.cap)
    measure.restart(key.first, parts.clock.mono(), before > 0 && after == 0);
}

void Core::store(const Key& key, const rollout::Decision& decision) {
  if (!decision.trigger.empty() && decision.entry) {
    const Told said = told(key);
    parts.latch.keep_note(key.first, key.second, decision.next.rollbacks,
                          text_of(RollbackNote{said.when, said.stable, decision.trigger,
                                               decision.mode, *decision.entry}));
  }
  rollouts.store_slot(key);
}

void Core::tell(const Key& key, const rollout::Decision& decision) {
  if (!decision.entry) return;
  const rollout::Entry& entry = *decision.entry;
  if (decision.refused) {
    ++refusals[key.first];
    rollouts.at(key).last_refusal = entry.reason;
    log::warn("raise_refused", {{"model", key.first},
                                {"canary", key.second},
                                {"actor", entry.actor},
                                {"reason", entry.reason}});
    return;
  }
  if (decision.trigger.empty()) {
    log::info("rollout_changed", {{"model", key.first},
                                  {"canary", key.second},
                                  {"kind", name(entry.kind)},
                                  {"actor", entry.actor},
                                  {"before", base::percent(entry.before)},
                                  {"after", base::percent(entry.after)},
                                  {"reason", entry.reason}});
    return;
  }
  ++rollbacks[{key.first, decision.trigger, decision.mode}];
  const analysis::Reading reading = entry.reading.value_or(analysis::Reading{});
  log::error("rollback", {{"model", key.first},
                          {"canary", key.second},
                          {"trigger", decision.trigger},
                          {"mode", rollout::mode_name(decision.mode)},
                          {"actor", entry.actor},
                          {"value", reading.value},
                          {"limit", reading.limit},
                          {"samples", reading.samples},
                          {"before", base::percent(entry.before)},
                          {"reason", entry.reason}});
}

std::vector<RollbackCount> Core::rollback_counts() const {
  std::vector<RollbackCount> counts;
  for (const auto& [key, count] : rollbacks)
    counts.push_back({key.model, key.trigger, std::string(rollout::mode_name(key.mode)), count});
  return counts;
}

std::vector<RefusalCount> Core::refusal_counts() const {
  std::vector<RefusalCount> counts;
  for (const auto& [model, count] : refusals) counts.push_back({model, count});
  return counts;
}

}  // namespace canary::control

#include "control/core.hpp"

#include "log/log.hpp"

namespace canary::control {

Core::Core(Controller::Parts given)
    : parts(std::move(given)),
      rollouts(parts.latch, std::move(parts.remembered)),
      publisher(parts.data_plane, parts.registry),
      resolver(parts.io, [this] { publish({}); }) {
  view.path = parts.config_path;
}

void Core::publish(std::function<void()> in_force) {
  publisher.publish(
      config, rollouts.weights(config),
      [this](const config::EndpointUrl& url) { return resolver.lookup(url); }, std::move(in_force));
  measure.follow(*publisher.table(), parts.clock.mono());
}

rollout::Rules Core::rules(const Key& key) const {
  for (const auto& model : config.models)
    if (key_of(model) == key) return rollout::rules_of(model);
  return {};
}

store::HistoryRow Core::row(const Key& key, rollout::Entry entry) const {
  store::HistoryRow row;
  row.time = parts.clock.wall();
  row.model = key.first;
  row.canary = key.second;
  row.generation = view.generation;
  row.entry = std::move(entry);
  return row;
}

void Core::commit_lowering(const Key& key, std::optional<rollout::Entry> entry,
                           std::function<void()> committed) {
  Rollout& rollout = rollouts.at(key);
  ++rollout.uncommitted;
  std::optional<store::HistoryRow> with;
  if (entry) with = row(key, std::move(*entry));
  parts.journal.commit(
      {rollout.state, std::move(with), {}}, true,
      on_control([this, key, committed = std::move(committed)](const base::Result<void>& result) {
        --rollouts.at(key).uncommitted;
        if (result && committed) committed();
        if (!result)
          log::warn(
              "decision_not_recorded",
              {{"model", key.first}, {"canary", key.second}, {"error", result.error().message()}});
      }));
}

void Core::commit_raise(const Key& key, const rollout::State& next,
                        std::optional<rollout::Entry> entry,
                        std::function<void(base::Result<void>)> done) {
  std::optional<store::HistoryRow> with;
  if (entry) with = row(key, std::move(*entry));
  parts.journal.commit({next, std::move(with), {}}, false, on_control(std::move(done)));
}

void Core::put(const Key& key, base::BasisPoints file, const rollout::Decision& decision) {
  Rollout& rollout = rollouts.at(key);
  const auto before = rollout.weight().effective;
  const auto phase = rollout.state.phase;
  rollout.state = decision.next;
  rollout.counted_until.reset();
  rollout.file = file;
  ++rollout.version;
  if (!decision.refused && decision.entry) rollout.last_refusal.clear();
  // The return from 0 is judged on its own evidence, whatever took the weight away, and so is each
  // phase.
  if ((before == 0) != (rollout.weight().effective == 0) || phase != rollout.state.phase)
    measure.restart(key.first, parts.clock.mono());
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
                                  {"kind", entry.kind},
                                  {"actor", entry.actor},
                                  {"before", base::percent(entry.before)},
                                  {"after", base::percent(entry.after)},
                                  {"reason", entry.reason}});
    return;
  }
  ++rollbacks[{key.first, decision.trigger}];
  const analysis::Reading reading = entry.reading.value_or(analysis::Reading{});
  log::error("rollback", {{"model", key.first},
                          {"canary", key.second},
                          {"trigger", decision.trigger},
                          {"mode", "immediate"},
                          {"actor", entry.actor},
                          {"value", reading.value},
                          {"limit", reading.limit},
                          {"samples", reading.samples},
                          {"before", base::percent(entry.before)},
                          {"reason", entry.reason}});
}

}  // namespace canary::control

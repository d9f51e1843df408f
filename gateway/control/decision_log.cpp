#include "control/decision_log.hpp"

#include "base/units.hpp"
#include "log/log.hpp"

namespace canary::control {

void DecisionLog::write(const Key& key, const rollout::Decision& decision) {
  if (!decision.entry) return;
  const rollout::Entry& entry = *decision.entry;
  if (decision.refused) {
    if (!decision.next.latched) return;  // nothing to raise: a resume of what is not rolled back
    ++refusals_[key.first];
    rollouts_.at(key).last_refusal = entry.reason;
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
  ++rollbacks_[{key.first, decision.trigger, decision.mode}];
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

std::vector<RollbackCount> DecisionLog::rollbacks() const {
  std::vector<RollbackCount> counts;
  for (const auto& [key, count] : rollbacks_)
    counts.push_back({key.model, key.trigger, std::string(rollout::mode_name(key.mode)), count});
  return counts;
}

std::vector<RefusalCount> DecisionLog::refusals() const {
  std::vector<RefusalCount> counts;
  for (const auto& [model, count] : refusals_) counts.push_back({model, count});
  return counts;
}

}  // namespace canary::control

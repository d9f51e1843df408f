#include "control/health_probes.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace canary::control {
namespace {

// Each takes a descriptor, for `health.timeout` at most.
constexpr std::size_t most_under_way = 256;
// Between the first two probes after an outage of all; doubled for each that fails.
constexpr base::Duration shortest_pause = std::chrono::milliseconds(250);

std::string problem_of(const base::Result<int>& status) {
  if (!status) return status.error().message();
  if (*status / 100 == 2) return {};
  return "status " + std::to_string(*status);
}

}  // namespace

bool ProbeVerdict::take(bool succeeded, const config::Health& health) {
  if (succeeded == healthy) {
    against = 0;
    return false;
  }
  if (++against < (healthy ? health.unhealthy_after : health.healthy_after)) return false;
  healthy = succeeded;
  against = 0;
  return true;
}

void HealthProbes::follow(const traffic::RoutingTable& table) {
  if (!send_) return;
  std::set<Key> present;
  const auto enter = [&](const traffic::Model& model, const traffic::Version& version) {
    for (const auto& each : version.endpoints) {
      if (!each.health) continue;
      const Key key{model.name, version.name, each.id.serial};
      present.insert(key);
      const auto [found, is_new] = endpoints_.try_emplace(key);
      Endpoint& endpoint = found->second;
      const config::Health& rules = model.settings.health;
      // At any time of an interval: not all that come at once are asked at once.
      if (is_new || rules.interval != endpoint.rules.interval) {
        endpoint.next = clock_.mono() + part_of(rules.interval, 0, 1);
        endpoint.pause = rules.interval;
      }
      endpoint.health = each.health;
      endpoint.rules = rules;
      endpoint.probe = {each.address.storage, each.address.length, each.authority, rules.path,
                        rules.timeout};
    }
  };
  for (const auto& model : table.models) {
    enter(model, model.stable);
    if (model.canary) enter(model, *model.canary);
  }
  std::erase_if(endpoints_, [&](const auto& each) { return !present.contains(each.first); });
}

void HealthProbes::tick() {
  const auto now = clock_.mono();
  for (auto& [key, endpoint] : endpoints_) {
    if (endpoint.asked || now < endpoint.next) continue;
    if (under_way_ >= most_under_way) return;
    ask(key, endpoint);
  }
}

void HealthProbes::ask(const Key& key, Endpoint& endpoint) {
  endpoint.asked = true;
  endpoint.next = clock_.mono() + part_of(endpoint.pause, 0.9, 1.1);
  ++under_way_;
  send_(endpoint.probe, [this, key, alive = std::weak_ptr(alive_)](base::Result<int> status) {
    if (!alive.lock()) return;
    --under_way_;
    answered(key, status);
  });
}

void HealthProbes::answered(const Key& key, const base::Result<int>& status) {
  const auto found = endpoints_.find(key);
  if (found == endpoints_.end()) return;  // it left while it was asked
  Endpoint& endpoint = found->second;
  endpoint.asked = false;
  endpoint.problem = problem_of(status);
  const bool succeeded = endpoint.problem.empty();
  ++(succeeded ? endpoint.succeeded : endpoint.failed);
  if (succeeded)
    endpoint.health->answered.store(clock_.mono().time_since_epoch().count(),
                                    std::memory_order_relaxed);
  const bool changed = endpoint.verdict.take(succeeded, endpoint.rules);
  if (endpoint.verdict.healthy)
    endpoint.pause = endpoint.rules.interval;
  else if (!succeeded)
    endpoint.pause = std::min(endpoint.rules.interval, 2 * endpoint.pause);
  if (!changed) return;
  publish(endpoint);
  if (succeeded) end_outage(std::get<0>(key));
}

void HealthProbes::publish(Endpoint& endpoint) {
  ++endpoint.changes;
  endpoint.health->healthy.store(endpoint.verdict.healthy, std::memory_order_relaxed);
}

// One of the model's is healthy again. If it is the first after all of both versions were not, each
// other is believed in until its next probe, which is due at once, and if that fails is asked again
// soon: whose turn happens to come first, or who is back a moment later, must not cost the canary
// its weight.
void HealthProbes::end_outage(const std::string& model) {
  const auto first = endpoints_.lower_bound({model, "", 0});
  const auto last = std::find_if(
      first, endpoints_.end(), [&](const auto& each) { return std::get<0>(each.first) != model; });
  const auto healthy =
      std::count_if(first, last, [](const auto& each) { return each.second.verdict.healthy; });
  if (healthy > 1) return;
  for (auto each = first; each != last; ++each) {
    Endpoint& endpoint = each->second;
    if (endpoint.verdict.healthy) continue;
    endpoint.verdict = {true, endpoint.rules.unhealthy_after - 1};
    endpoint.next = clock_.mono();
    endpoint.pause = std::min(endpoint.rules.interval, shortest_pause);
    publish(endpoint);
  }
}

const HealthProbes::Endpoint* HealthProbes::find(const traffic::Model& model,
                                                 const traffic::Version& version,
                                                 const traffic::Endpoint& endpoint) const {
  const auto found = endpoints_.find({model.name, version.name, endpoint.id.serial});
  return found == endpoints_.end() ? nullptr : &found->second;
}

base::Duration HealthProbes::part_of(base::Duration interval, double least, double most) {
  return std::chrono::duration_cast<base::Duration>(interval *
                                                    (least + (most - least) * random_.unit()));
}

}  // namespace canary::control

#include "control/health_probes.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace canary::control {
namespace {

// Each takes a descriptor, for `health.timeout` at most.
constexpr std::size_t most_under_way = 256;
// A probe whose time was left out by more than this part of its timeout was not given it.
constexpr int paused_for_long = 4;
// Between the first two probes after an outage of all; doubled for each that fails.
constexpr base::Duration shortest_pause = std::chrono::milliseconds(250);

void store(std::atomic<std::int64_t>& time, base::MonoTime value) {
  time.store(value.time_since_epoch().count(), std::memory_order_relaxed);
}

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
      endpoint.probe = {each.address.storage, each.address.length, each.host, rules.path,
                        rules.timeout};
    }
  };
  for (const auto& model : table.models) {
    enter(model, model.stable);
    if (model.canary) enter(model, *model.canary);
  }
  std::erase_if(endpoints_, [&](const auto& each) { return !present.contains(each.first); });
  std::erase_if(outages_, [&](const auto& outage) {
    return std::none_of(table.models.begin(), table.models.end(),
                        [&](const traffic::Model& model) { return model.name == outage.first; });
  });
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
  endpoint.asked_at = clock_.shared();
  endpoint.paused_before = clock_.paused();
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
  // Our own lack of descriptors or ports: it was not asked at all.
  if (!status && status.error().source() != base::Source::upstream) return;
  const auto now = clock_.mono();
  // We did not run meanwhile: its answer may have come in time.
  const base::Duration paused = clock_.paused() - endpoint.paused_before;
  if (!status && paused_for_long * paused >= endpoint.rules.timeout) {
    endpoint.next = now;
    return;
  }
  endpoint.problem = problem_of(status);
  if (!endpoint.fails()) store(endpoint.health->answered, endpoint.asked_at);
  ++(endpoint.fails() ? endpoint.failed : endpoint.succeeded);
  if (endpoint.fails() && endpoint.failing_since == base::MonoTime{}) fails_since(endpoint, now);
  if (endpoint.verdict.take(!endpoint.fails(), endpoint.rules)) publish(endpoint);
  if (!endpoint.fails() && endpoint.verdict.healthy) fails_since(endpoint, {});
  if (endpoint.verdict.healthy)
    endpoint.pause = endpoint.rules.interval;
  else if (endpoint.fails())
    endpoint.pause = std::min(endpoint.rules.interval, 2 * endpoint.pause);
  look_at_outage(std::get<0>(key), endpoint);
}

void HealthProbes::fails_since(Endpoint& endpoint, base::MonoTime since) {
  endpoint.failing_since = since;
  store(endpoint.health->failing_since,
        since == base::MonoTime{} ? since : since + clock_.paused());
}

void HealthProbes::publish(Endpoint& endpoint) {
  ++endpoint.changes;
  endpoint.health->healthy.store(endpoint.verdict.healthy, std::memory_order_relaxed);
}

template <class F>
void HealthProbes::for_each_of(const std::string& model, F&& f) {
  for (auto each = endpoints_.lower_bound({model, "", 0});
       each != endpoints_.end() && std::get<0>(each->first) == model; ++each)
    f(each->second);
}

// Also an outage that is over before all have failed often enough to be called unhealthy.
void HealthProbes::look_at_outage(const std::string& model, const Endpoint& last) {
  if (last.fails()) {
    bool all = true;
    for_each_of(model, [&](const Endpoint& endpoint) { all = all && endpoint.fails(); });
    if (all) outages_.try_emplace(model, clock_.mono());
  } else if (last.verdict.healthy) {
    if (const auto outage = outages_.extract(model)) end_outage(model, outage.mapped());
  }
}

// One of the model's is healthy, after none was. Each other that the outage took is believed in
// until its next probe, which is due at once, and if that fails is asked again soon: whose turn
// happens to come first, or who is back a moment later, must not cost the canary its weight. What
// had failed for long before stays out.
void HealthProbes::end_outage(const std::string& model, base::MonoTime began) {
  const auto now = clock_.mono();
  for_each_of(model, [=, this](Endpoint& endpoint) {
    if (endpoint.failing_since == base::MonoTime{}) return;
    const config::Health& rules = endpoint.rules;
    if (endpoint.failing_since < began - 2 * (rules.interval + rules.timeout)) return;
    const bool changes = !endpoint.verdict.healthy;
    fails_since(endpoint, now);
    endpoint.verdict = {true, rules.unhealthy_after - 1};
    endpoint.next = now;
    endpoint.pause = std::min(rules.interval, shortest_pause);
    if (changes) publish(endpoint);
  });
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

#include "rehearsal/world.hpp"

#include <algorithm>
#include <cmath>

namespace canary::rehearsal {
namespace {

constexpr int stages = 200;  // of a change that takes its time

double between(double from, double to, double share) { return from + (to - from) * share; }

base::Duration between(base::Duration from, base::Duration to, double share) {
  return base::Duration(static_cast<std::int64_t>(
      between(static_cast<double>(from.count()), static_cast<double>(to.count()), share)));
}

/// Healthy, where the scenario says nothing: well within the SLO.
std::vector<config::Quantile> usual_latency(const config::Model& model) {
  const base::Duration slo = model.slo ? model.slo->latency_p95 : std::chrono::milliseconds(100);
  return {{.5, slo * 3 / 10}, {.95, slo * 6 / 10}};
}

/// Of two lists that name the same shares, one in between; else the second.
std::vector<config::Quantile> mixed(const std::vector<config::Quantile>& from,
                                    const std::vector<config::Quantile>& to, double share) {
  std::vector<config::Quantile> out = to;
  const bool alike = std::equal(from.begin(), from.end(), to.begin(), to.end(),
                                [](auto& a, auto& b) { return a.share == b.share; });
  if (!alike) return out;
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i].value = between(from[i].value, to[i].value, share);
  return out;
}

/// `share` 1: all of the change; less: its numbers are on their way, its words are there already.
void apply(const config::Behaviour& change, const Conduct& from, double share, Conduct& out) {
  if (change.error_rate) out.error_rate = between(from.error_rate, *change.error_rate, share);
  if (change.error_outcome)
    out.error_outcome = outcome_of(*change.error_outcome).value_or(stats::Outcome::server_error);
  if (!change.latency.empty()) out.latency = mixed(from.latency, change.latency, share);
  if (change.capacity) out.capacity = *change.capacity;
  if (change.down) out.down = *change.down;
  if (change.quality_error)
    out.quality_error =
        between(from.quality_error.value_or(*change.quality_error), *change.quality_error, share);
  if (change.quality_spread) out.quality_spread = *change.quality_spread;
  if (change.labels) {
    out.labels = between(from.labels, *change.labels, share);
    out.labels_per_second.reset();
  }
  if (change.labels_per_second) out.labels_per_second = *change.labels_per_second;
}

std::string percent_text(double ratio) { return base::format_number(ratio * 100, 4) + "%"; }

std::string share_name(double share) {
  return share >= 1 ? "max" : "p" + base::format_number(share >= .999 ? 999 : share * 100, 3);
}

std::string describe(const config::Behaviour& change) {
  std::string out;
  const auto add = [&out](const std::string& text) { out += (out.empty() ? "" : ", ") + text; };
  if (change.down) add(*change.down ? "down" : "up again");
  if (change.error_rate) add("error rate " + percent_text(*change.error_rate));
  if (change.error_outcome) add("errors are " + *change.error_outcome);
  if (change.latency.size() == 1)
    add("latency " + base::format_duration(change.latency.front().value));
  else
    for (const auto& quantile : change.latency)
      add(share_name(quantile.share) + " " + base::format_duration(quantile.value));
  if (change.capacity)
    add(*change.capacity > 0
            ? "capacity " + base::format_number(*change.capacity) + " requests per second"
            : "capacity without bound");
  if (change.quality_error) add("quality error " + base::format_number(*change.quality_error));
  if (change.quality_spread) add("spread " + base::format_number(*change.quality_spread));
  if (change.labels) add("labels for " + percent_text(*change.labels));
  if (change.labels_per_second)
    add(base::format_number(*change.labels_per_second) + " labels per second");
  return out;
}

}  // namespace

std::optional<stats::Outcome> outcome_of(const std::string& word) {
  for (std::size_t i = 0; i < stats::outcome_count; ++i)
    if (const auto outcome = static_cast<stats::Outcome>(i); stats::name(outcome) == word)
      return outcome;
  return std::nullopt;
}

std::string describe(const config::Conditions& change) {
  std::string out;
  const auto add = [&out](const std::string& text) { out += (out.empty() ? "" : "; ") + text; };
  if (change.requests_per_second)
    add(base::format_number(*change.requests_per_second) + " requests per second");
  const std::string stable = describe(change.stable), canary = describe(change.canary);
  if (!stable.empty() && stable == canary) {
    add("both versions: " + stable);
  } else {
    if (!stable.empty()) add("stable: " + stable);
    if (!canary.empty()) add("canary: " + canary);
  }
  return out;
}

World::World(const config::Scenario& scenario, const config::Config& config) {
  for (const auto& script : scenario.models) {
    ModelWorld& world = models_[script.name];
    for (const auto& model : config.models)
      if (model.name == script.name)
        world.stable.latency = world.canary.latency = usual_latency(model);
    Ramp ramp{script.name, script.begin, world, {}, {}, 0};
    move(ramp, 1);
  }
}

const ModelWorld* World::find(const std::string& model) const {
  const auto found = models_.find(model);
  return found == models_.end() ? nullptr : &found->second;
}

void World::move(Ramp& ramp, double share) {
  ModelWorld& world = models_[ramp.model];
  if (ramp.target.requests_per_second)
    world.requests_per_second =
        between(ramp.from.requests_per_second, *ramp.target.requests_per_second, share);
  rehearsal::apply(ramp.target.stable, ramp.from.stable, share, world.stable);
  rehearsal::apply(ramp.target.canary, ramp.from.canary, share, world.canary);
  if (!ramp.target.stable.latency.empty()) world.stable.edition = ++editions_;
  if (!ramp.target.canary.latency.empty()) world.canary.edition = ++editions_;
}

void World::apply(const config::Event& event, base::Duration now) {
  Ramp ramp{event.model, *event.change, models_[event.model], now, event.over, 0};
  if (event.over <= base::Duration::zero()) return move(ramp, 1);
  move(ramp, 0);
  ramps_.push_back(std::move(ramp));
}

void World::advance(base::Duration now) {
  for (Ramp& ramp : ramps_) {
    const double share = std::min(1.0, static_cast<double>((now - ramp.begin).count()) /
                                           static_cast<double>(ramp.over.count()));
    const int stage = static_cast<int>(std::floor(share * stages));
    if (stage == ramp.stage) continue;
    ramp.stage = stage;
    move(ramp, share);
  }
  std::erase_if(ramps_, [](const Ramp& ramp) { return ramp.stage == stages; });
}

}  // namespace canary::rehearsal

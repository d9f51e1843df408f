#include "rehearsal/virtual_plane.hpp"

#include <algorithm>
#include <cmath>

#include "rehearsal/draw.hpp"

namespace canary::rehearsal {
namespace {

using stats::Outcome;

constexpr base::Duration at_once = std::chrono::milliseconds(1);
// A burst that a version with a capacity takes all the same.
constexpr double burst_seconds = 1;

double seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::uint16_t code_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
    case Outcome::inband_error:
    case Outcome::bad_output:
    case Outcome::truncated:
      return 200;
    case Outcome::client_error:
      return 404;
    case Outcome::overload:
      return 503;
    case Outcome::server_error:
      return 500;
    case Outcome::connect_error:
    case Outcome::reset:
    case Outcome::timeout_connect:
    case Outcome::timeout_first_byte:
    case Outcome::timeout_idle:
    case Outcome::timeout_total:
    case Outcome::client_abort:
    case Outcome::gateway_error:
      return 0;
  }
  return 0;
}

/// How long a request takes that ends so.
base::Duration lasts(Outcome outcome, const config::ModelTimeouts& timeouts,
                     const Latencies& latencies) {
  switch (outcome) {
    case Outcome::timeout_connect:
      return timeouts.connect;
    case Outcome::timeout_first_byte:
      return timeouts.first_byte;
    case Outcome::timeout_idle:
      return latencies.median() + timeouts.idle;
    case Outcome::timeout_total:
      return timeouts.total > base::Duration::zero() ? timeouts.total : timeouts.first_byte;
    case Outcome::connect_error:
    case Outcome::reset:
    case Outcome::overload:
    case Outcome::gateway_error:
      return at_once;
    case Outcome::ok:
    case Outcome::client_error:
    case Outcome::server_error:
    case Outcome::truncated:
    case Outcome::inband_error:
    case Outcome::bad_output:
    case Outcome::client_abort:
      return latencies.median();
  }
  return at_once;
}

bool fails_over(Outcome outcome) {
  return outcome == Outcome::connect_error || outcome == Outcome::timeout_connect;
}

}  // namespace

void VirtualPlane::publish(std::shared_ptr<const traffic::RoutingTable> table,
                           std::function<void()> on_applied) {
  published_.emplace_back(std::move(table), std::move(on_applied));
}

void VirtualPlane::announce(std::shared_ptr<const traffic::VersionAnswers> answers) {
  answers_ = std::move(answers);
}

bool VirtualPlane::apply() {
  if (published_.empty()) return false;
  const auto published = std::exchange(published_, {});
  for (const auto& [table, on_applied] : published) {
    table_ = table;
    on_applied();
  }
  return true;
}

void VirtualPlane::end_requests(const std::string& model, const std::string& version) {
  const auto ended = [&](Group& group) {
    if (group.model != model || group.version != version) return false;
    group.observation.outcome = Outcome::gateway_error;
    group.observation.error = false;
    group.observation.code = 0;
    end(group);
    return true;
  };
  std::erase_if(in_flight_, ended);
}

void VirtualPlane::reset() {
  published_.clear();
  in_flight_.clear();
  table_.reset();
  answers_.reset();
  for (auto& [key, side] : sides_) side.epoch.reset();
}

VirtualPlane::Side& VirtualPlane::side_of(const traffic::Model& model,
                                          const traffic::Version& version, const Conduct& conduct) {
  Side& side = sides_[{model.name, version.name}];
  if (!side.latencies || side.edition != conduct.edition || side.epoch != version.stats->latency) {
    side.latencies = std::make_unique<Latencies>(conduct.latency, version.stats->latency->bounds);
    side.edition = conduct.edition;
    side.epoch = version.stats->latency;
  }
  return side;
}

void VirtualPlane::end(Group& group) {
  auto& cells = *group.stats->latency;
  group.observation.at = std::min(group.begun + group.lasts, now_);
  stats::record(group.stats->requests->at(0), cells.at(0), cells, group.observation, group.count);
}

void VirtualPlane::look_at_age(Group& group) {
  const auto& bounds = group.stats->latency->bounds;
  auto& cell = group.stats->latency->at(0);
  stats::Observation& seen = group.observation;
  const auto passed = [&](base::Duration bound) {
    return bound > base::Duration::zero() && now_ - group.begun > bound;
  };
  if (!seen.counted_slow_slo && passed(bounds.slo)) {
    stats::record_slow_slo(cell, group.count);
    seen.counted_slow_slo = true;
  }
  if (!seen.counted_slow_trigger && passed(bounds.trigger)) {
    stats::record_slow_trigger(cell, group.count);
    seen.counted_slow_trigger = true;
  }
}

void VirtualPlane::add(const traffic::Model& model, const traffic::Version& version,
                       Outcome outcome, base::Duration lasts, std::uint64_t count) {
  if (count == 0) return;
  Group group;
  group.stats = version.stats;
  group.count = count;
  group.lasts = lasts;
  stats::Observation& seen = group.observation;
  seen.outcome = outcome;
  seen.code = code_of(outcome);
  seen.error = stats::is_version_error(outcome) || model.error_code(seen.code);
  if (outcome == Outcome::ok || outcome == Outcome::server_error ||
      outcome == Outcome::client_error || outcome == Outcome::overload)
    seen.first_byte = seen.total = lasts;
  auto& requests = version.stats->requests->at(0);
  requests.started.add(count);
  Totals& totals = totals_[{model.name, version.name}];
  totals.requests += count;
  if (seen.error) totals.errors += count;
  const bool over = version.role == traffic::Role::canary && model.settings.failover;
  if (over && fails_over(outcome)) {
    requests.failovers.add(count);
    totals.failovers += count;
  }
  group.begun = now_ - length_ / 2;  // they came, on average, in the middle of the step
  if (group.begun + lasts <= now_) return end(group);
  group.model = model.name;
  group.version = version.name;
  in_flight_.push_back(std::move(group));
}

std::uint64_t VirtualPlane::beyond_capacity(Side& side, const Conduct& conduct,
                                            std::uint64_t count) const {
  if (conduct.capacity <= 0) return 0;
  const double room = conduct.capacity * std::max(burst_seconds, seconds(length_));
  side.tokens = std::min(side.tokens + conduct.capacity * seconds(length_), room);
  const auto taken = std::min(count, static_cast<std::uint64_t>(side.tokens));
  side.tokens -= static_cast<double>(taken);
  return count - taken;
}

void VirtualPlane::serve(const traffic::Model& model, const traffic::Version& version,
                         const Conduct& conduct, std::uint64_t count) {
  Side& side = side_of(model, version, conduct);
  side.labels.begin_step(now_, model.settings.judge.window);
  const auto fail = [&](Outcome outcome, std::uint64_t failed) {
    add(model, version, outcome, lasts(outcome, model.settings.timeouts, *side.latencies), failed);
  };
  if (conduct.down) return fail(Outcome::connect_error, count);
  const std::uint64_t refused = beyond_capacity(side, conduct, count);
  const std::uint64_t failed = draw_binomial(count - refused, conduct.error_rate, random_);
  fail(Outcome::overload, refused);
  fail(conduct.error_outcome, failed);
  const std::uint64_t good = count - refused - failed;
  side.latencies->draw(good, random_, drawn_);
  for (const auto& group : drawn_) add(model, version, Outcome::ok, group.latency, group.count);
  side.labels.add(conduct, good, seconds(length_), random_);
}

void VirtualPlane::step(base::MonoTime end_time, base::Duration length) {
  now_ = end_time;
  length_ = length;
  if (table_) {
    for (const auto& model : table_->models) {
      const ModelWorld* world = world_.find(model.name);
      if (world == nullptr || !model.canary) continue;
      const std::uint64_t count =
          draw_poisson(world->requests_per_second * seconds(length), random_);
      const std::uint64_t canary = draw_binomial(
          count, static_cast<double>(model.canary_weight) / base::full_weight, random_);
      serve(model, model.stable, world->stable, count - canary);
      serve(model, *model.canary, world->canary, canary);
    }
  }
  const auto ended = [this](Group& group) {
    const bool over = group.begun + group.lasts <= now_;
    if (!over) look_at_age(group);
    if (over) end(group);
    return over;
  };
  std::erase_if(in_flight_, ended);
}

void VirtualPlane::miss(base::Duration length) {
  for (const auto& [name, model] : world_.models())
    missed_ += draw_poisson(model.requests_per_second * seconds(length), random_);
}

std::optional<analysis::QualityEvidence> VirtualPlane::quality(const std::string& name) const {
  const ModelWorld* world = world_.find(name);
  if (world == nullptr || !world->canary.quality_error || !table_) return std::nullopt;
  for (const auto& model : table_->models) {
    if (model.name != name || !model.canary) continue;
    const auto of = [&](const traffic::Version& version) {
      const auto side = sides_.find({name, version.name});
      return side == sides_.end() ? Labels{} : side->second.labels.within();
    };
    const Labels canary = of(*model.canary), stable = of(model.stable);
    return analysis::QualityEvidence{canary.mean(), stable.mean(), canary.count, stable.count};
  }
  return std::nullopt;
}

}  // namespace canary::rehearsal

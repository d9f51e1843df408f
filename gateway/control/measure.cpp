#include "control/measure.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/threshold.hpp"

namespace canary::control {
namespace {

using analysis::Reading;
using analysis::Verdict;

double seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

/// How many of the evidence's latencies lie above `limit` seconds, to the histogram's precision:
/// for a success limit that is not the SLO itself, where no exact counter stands.
std::uint64_t count_above(const stats::Histogram::Snapshot& latency, double limit) {
  double low = 0, high = 1;  // F(low) <= limit < F(high)
  for (int i = 0; i < 24; ++i) {
    const double middle = (low + high) / 2;
    (seconds(latency.quantile(middle)) > limit ? high : low) = middle;
  }
  if (seconds(latency.quantile(1)) <= limit) return 0;
  return static_cast<std::uint64_t>(std::llround((1 - low) * static_cast<double>(latency.count())));
}

Reading judge_errors(const config::Model& model, const stats::Evidence& evidence) {
  return analysis::judge_error_rate(evidence.errors, evidence.requests,
                                    {model.success.error_rate, model.triggers.error_rate,
                                     model.judge.min_samples, model.judge.window});
}

Reading judge_latency(const config::Model& model, const stats::Evidence& evidence) {
  const double slo = seconds(model.slo->latency_p95);
  const analysis::Thresholds limits{slo * model.success.latency_p95,
                                    slo * model.triggers.latency_p95, model.judge.min_samples,
                                    model.judge.window};
  const std::uint64_t over_success = model.success.latency_p95 == 1.0
                                         ? evidence.over_slo
                                         : count_above(evidence.latency, limits.success);
  return analysis::judge_latency_p95(
      {evidence.latency_samples, std::max(over_success, evidence.over_trigger),
       evidence.over_trigger, seconds(evidence.latency.quantile(0.95))},
      limits);
}

/// The canary's and stable's reading of one criterion, and what they rest on.
struct Compared {
  Reading canary;
  const Reading& stable;
  analysis::Share canary_bad, stable_bad;
  double limit = 0;  // of the shares
};

std::string share_text(const analysis::Share& share) {
  return std::to_string(share.bad) + " of " + std::to_string(share.of);
}

/// What both suffer begins and ends at both at once, but one of the two crosses its limit first:
/// for half of the window stable is given the time to be second. `doubts`: since when each
/// criterion has failed, before it was a success again, without stable being beyond its limit, too.
/// And a few bad requests must be seen twice: stable's first may come a millisecond later.
Reading excuse_shared(Compared compared, const config::ThresholdJudge& rules, Doubts& doubts,
                      base::MonoTime now) {
  auto& [canary, stable, canary_bad, stable_bad, limit] = compared;
  if (canary.verdict == Verdict::success) doubts.erase(canary.criterion);
  if (canary.verdict != Verdict::failure) return canary;
  const auto [doubt, is_new] = doubts.try_emplace(canary.criterion, now);
  base::MonoTime& since = doubt->second;
  constexpr std::uint64_t few = 10;
  const base::Duration patience = rules.window / 2;
  const auto excuse = analysis::excuse(canary_bad, stable_bad, limit, rules.min_samples);
  const std::string stables =
      "; stable: " +
      (stable.enough ? stable.reason : share_text(stable_bad) + ", " + stable.reason);
  if (excuse == analysis::Excuse::shared) {
    since = now;
    canary.verdict = Verdict::inconclusive;
    canary.reason =
        "both versions fail, which is not the canary's fault: " + canary.reason + stables;
  } else if (excuse == analysis::Excuse::pending && now - since < patience) {
    canary.verdict = Verdict::inconclusive;
    canary.reason = "both versions get worse, it shows within " + base::format_duration(patience) +
                    " whether alike: " + canary.reason + stables;
  } else if (is_new && canary_bad.bad < few) {
    canary.verdict = Verdict::inconclusive;
    canary.reason = "few yet, looked at once more: " + canary.reason;
  } else if (stable.verdict == Verdict::failure) {
    canary.reason += ", far more than stable: " + stable.reason;
  }
  return canary;
}

/// Nothing is judged before the canary is warm, whoever measures it.
void rest(std::vector<Reading>& readings, const std::string& reason) {
  for (Reading& reading : readings) {
    reading.verdict = Verdict::inconclusive;
    reading.enough = false;
    reading.value = 0;
    reading.samples = 0;
    reading.reason = reason;
  }
}

std::vector<Reading> judge_alone(const config::Model& model, const stats::Evidence& evidence) {
  std::vector<Reading> readings{judge_errors(model, evidence)};
  if (model.slo) readings.push_back(judge_latency(model, evidence));
  return readings;
}

/// Judges the canary's evidence. `error_rate` always, `latency_p95` with an SLO,
/// `quality_degradation` where something measures it. `alone`: what judge_alone() says of stable.
std::vector<Reading> judge(const config::Model& model, const stats::Evidence& canary,
                           const stats::Evidence& stable, const std::vector<Reading>& alone,
                           const std::optional<analysis::QualityEvidence>& quality, Doubts& doubts,
                           base::MonoTime now) {
  std::vector<Reading> readings;
  readings.push_back(excuse_shared({judge_errors(model, canary),
                                    alone[0],
                                    {canary.errors, canary.requests},
                                    {stable.errors, stable.requests},
                                    model.triggers.error_rate},
                                   model.judge, doubts, now));
  if (model.slo)
    readings.push_back(excuse_shared({judge_latency(model, canary),
                                      alone[1],
                                      {canary.over_trigger, canary.latency_samples},
                                      {stable.over_trigger, stable.latency_samples},
                                      analysis::p95_allows},
                                     model.judge, doubts, now));
  if (quality)
    readings.push_back(analysis::judge_quality(
        *quality, {model.success.quality_degradation, model.triggers.quality_degradation,
                   model.judge.min_samples, model.judge.window}));
  return readings;
}

}  // namespace

Measure::Side::Side(std::shared_ptr<stats::VersionStats> of, base::Duration length,
                    base::MonoTime now)
    : version(std::move(of)), window(length) {
  window.restart(*version, now);
}

Measure::Pair& Measure::pair_for(const traffic::Model& model, base::MonoTime now) {
  Pair& pair = pairs_[model.name];
  const auto follow = [&](std::optional<Side>& side, const traffic::Version& version) {
    // An SLO change brings other cells for latency; the window itself notices that.
    if (side && side->version->version == version.name &&
        pair.length == model.settings.judge.window)
      side->version = version.stats;
    else
      side.emplace(version.stats, model.settings.judge.window, now);
  };
  const bool same_canary = pair.canary && pair.canary->version->version == model.canary->name;
  if (!same_canary) {
    pair.readings.clear();
    pair.doubts.clear();
    pair.warm_up = {};
    pair.stable.reset();  // the two are compared over the same time
  }
  follow(pair.stable, model.stable);
  follow(pair.canary, *model.canary);
  pair.length = model.settings.judge.window;
  if (model.canary_weight == 0)
    pair.warm_up.end();
  else
    pair.warm_up.begin(*pair.canary->version, now);
  return pair;
}

void Measure::follow(const traffic::RoutingTable& table, base::MonoTime now) {
  for (const traffic::Model& model : table.models)
    if (model.canary) pair_for(model, now);
}

void Measure::tick(const traffic::RoutingTable& table, base::MonoTime now) {
  for (const traffic::Model& model : table.models) {
    if (!model.canary) continue;
    Pair& pair = pair_for(model, now);
    pair.stable->window.tick(*pair.stable->version, now);
    const stats::Evidence& stable = pair.stable->window.evidence();
    pair.stable_readings = judge_alone(model.settings, stable);
    if (model.canary_weight == 0) continue;
    const WarmUp::Stage stage =
        pair.warm_up.look(model.settings.warm_up, *pair.canary->version, now);
    // Both versions are judged over the same time.
    if (stage == WarmUp::Stage::over) pair.stable->window.restart(*pair.stable->version, now);
    if (stage == WarmUp::Stage::warm)
      pair.canary->window.tick(*pair.canary->version, now);
    else
      pair.canary->window.restart(*pair.canary->version, now);
    pair.readings = judge(model.settings, pair.canary->window.evidence(), stable,
                          pair.stable_readings, quality_of(model, pair), pair.doubts, now);
    if (stage == WarmUp::Stage::cold) rest(pair.readings, pair.warm_up.reason());
  }
}

Measure::Quality Measure::quality_of(const traffic::Model& model, Pair& pair) const {
  if (!quality_) return std::nullopt;
  auto evidence = quality_(model.name);
  if (!evidence) return std::nullopt;
  if (evidence->stable_samples >= std::max<std::uint64_t>(model.settings.judge.min_samples, 1)) {
    pair.reference = evidence;
  } else if (model.canary_weight == base::full_weight && pair.reference) {
    evidence->stable_error = pair.reference->stable_error;
    evidence->stable_samples = pair.reference->stable_samples;
  }
  return evidence;
}

std::vector<Reading> Measure::stable(const config::Model& model) const {
  const auto found = pairs_.find(model.name);
  return found == pairs_.end() ? std::vector<Reading>{} : found->second.stable_readings;
}

bool Measure::warming_up(const config::Model& model) const {
  const auto found = pairs_.find(model.name);
  return found != pairs_.end() && found->second.warm_up.cold();
}

base::MonoTime Measure::last_failure(const config::Model& model) const {
  const auto found = pairs_.find(model.name);
  if (found == pairs_.end() || !found->second.canary) return {};
  return found->second.canary->version->last_failure();
}

void Measure::restart(const std::string& model, base::MonoTime now, bool keep_readings) {
  const auto found = pairs_.find(model);
  if (found == pairs_.end()) return;
  found->second.doubts.clear();
  if (!keep_readings) found->second.readings.clear();
  for (auto* side : {&found->second.stable, &found->second.canary})
    if (*side) (*side)->window.restart(*(*side)->version, now);
}

std::vector<Reading> Measure::criteria(const config::Model& model) const {
  const auto found = pairs_.find(model.name);
  if (found != pairs_.end() && !found->second.readings.empty() && model.canary &&
      found->second.canary->version->version == model.canary->name)
    return found->second.readings;
  Doubts none;
  auto readings = judge(model, {}, {}, judge_alone(model, {}), {}, none, {});
  for (auto& reading : readings) reading.reason = "no traffic";
  return readings;
}

}  // namespace canary::control

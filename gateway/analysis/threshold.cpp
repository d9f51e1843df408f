#include "analysis/threshold.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/percent_text.hpp"
#include "base/units.hpp"

namespace canary::analysis {
namespace {

// A limit comes from the file as per cent and is divided by 100 there, which can be off by one unit
// in the last place: 5 of 1000 must still equal 0.5%.
constexpr double rounding = 1e-9;
bool above(double value, double limit) { return value > limit * (1 + rounding); }
bool below(double value, double limit) { return value < limit * (1 - rounding); }

std::string seconds_text(double seconds) {
  if (seconds >= 1) return base::format_number(seconds, 4) + " s";
  return base::format_number(seconds * 1000, 3) + " ms";
}

std::string in_window(const Thresholds& limits) {
  return "in " + base::format_duration(limits.window);
}

Reading blank(std::string criterion, std::uint64_t samples, const Thresholds& limits) {
  Reading reading;
  reading.criterion = std::move(criterion);
  reading.success_limit = limits.success;
  reading.limit = limits.trigger;
  reading.samples = samples;
  return reading;
}

/// Whether there is too little to judge; then the reading says so.
bool too_few(Reading& reading, const Thresholds& limits) {
  const std::uint64_t needed = std::max<std::uint64_t>(limits.min_samples, 1);
  if (reading.samples >= needed) return false;
  reading.enough = false;
  reading.verdict = Verdict::inconclusive;
  reading.reason = std::to_string(reading.samples) + " of " + std::to_string(needed) + " samples " +
                   in_window(limits);
  return true;
}

double ratio(const Share& share) {
  return share.of > 0 ? static_cast<double>(share.bad) / static_cast<double>(share.of) : 0;
}

}  // namespace

bool is_shared(const Share& canary, const Share& stable, double limit, double standard_errors) {
  if (canary.of == 0 || stable.of == 0) return false;
  const double pooled = ratio({canary.bad + stable.bad, canary.of + stable.of});
  const double error =
      std::sqrt(pooled * (1 - pooled) *
                (1 / static_cast<double>(canary.of) + 1 / static_cast<double>(stable.of)));
  return ratio(canary) - ratio(stable) <= limit + standard_errors * error;
}

Excuse excuse(const Share& canary, const Share& stable, double limit, std::uint64_t min_samples) {
  constexpr std::uint64_t no_chance = 5;  // bad ones
  const bool tells = stable.of >= min_samples || stable.bad >= no_chance;
  if (tells && above(ratio(stable), limit) && is_shared(canary, stable, limit, 5))
    return Excuse::shared;
  if (above(ratio(stable), limit / 5) && is_shared(canary, stable, limit, 2))
    return Excuse::pending;
  return Excuse::none;
}

Reading judge_error_rate(std::uint64_t errors, std::uint64_t requests, const Thresholds& limits) {
  Reading reading = blank("error_rate", requests, limits);
  if (requests > 0) reading.value = static_cast<double>(errors) / static_cast<double>(requests);
  if (too_few(reading, limits)) return reading;

  const std::string counts = " (" + std::to_string(errors) + " of " + std::to_string(requests) +
                             " requests " + in_window(limits) + ")";
  reading.reason = "error rate " + percent_text(reading.value);
  if (above(reading.value, limits.trigger)) {
    reading.verdict = Verdict::failure;
    reading.reason += " > " + percent_text(limits.trigger);
  } else if (errors == 0 || below(reading.value, limits.success)) {
    reading.verdict = Verdict::success;
    reading.reason += (errors == 0 ? " <= " : " < ") + percent_text(limits.success);
  } else {
    reading.verdict = Verdict::inconclusive;
    reading.reason +=
        ", between " + percent_text(limits.success) + " and " + percent_text(limits.trigger);
  }
  reading.reason += counts;
  return reading;
}

Reading judge_latency_p95(const LatencyCounts& counts, const Thresholds& limits) {
  Reading reading = blank("latency_p95", counts.samples, limits);
  reading.value = counts.p95;
  if (too_few(reading, limits)) return reading;

  const auto more_than_5_percent = [&](std::uint64_t slower) {
    return slower > counts.samples / 20 ||
           (slower == counts.samples / 20 && slower * 20 > counts.samples);
  };
  // The histogram's p95 is 1% off and knows nothing of requests that are still waiting: where the
  // exact counts, which are judged, say otherwise, the value is the nearest that they allow.
  const auto explain = [&](double least, double most, const char* relation, double limit,
                           std::uint64_t slower) {
    const bool agrees = counts.p95 >= least && counts.p95 <= most;
    reading.value = std::clamp(counts.p95, least, most);
    const double share = static_cast<double>(slower) / static_cast<double>(counts.samples);
    reading.reason = "p95 " + (agrees ? seconds_text(counts.p95) + " " : std::string()) + relation +
                     " " + seconds_text(limit) + " (" + percent_text(share) + " of " +
                     std::to_string(counts.samples) + " responses slower, " + in_window(limits) +
                     ")";
  };
  constexpr double unlimited = std::numeric_limits<double>::max();
  const auto just_above = [](double limit) { return std::nextafter(limit, unlimited); };
  if (more_than_5_percent(counts.over_trigger)) {
    reading.verdict = Verdict::failure;
    explain(just_above(limits.trigger), unlimited, ">", limits.trigger, counts.over_trigger);
  } else if (!more_than_5_percent(counts.over_slo)) {
    reading.verdict = Verdict::success;
    explain(0, limits.success, "<=", limits.success, counts.over_slo);
  } else {
    reading.verdict = Verdict::inconclusive;
    explain(just_above(limits.success), std::max(limits.trigger, just_above(limits.success)), ">",
            limits.success, counts.over_slo);
    reading.reason += ", not yet above " + seconds_text(limits.trigger);
  }
  return reading;
}

}  // namespace canary::analysis

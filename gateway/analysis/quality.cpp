#include "analysis/quality.hpp"

#include <algorithm>
#include <limits>

#include "analysis/percent_text.hpp"
#include "base/units.hpp"

namespace canary::analysis {
namespace {

std::string error_text(double error) { return base::format_number(error, 4); }

double degradation(const QualityEvidence& evidence) {
  if (evidence.stable_error > 0) return evidence.canary_error / evidence.stable_error - 1;
  return evidence.canary_error > 0 ? std::numeric_limits<double>::max() : 0;
}

}  // namespace

Reading judge_quality(const QualityEvidence& evidence, const Thresholds& limits) {
  Reading reading;
  reading.criterion = "quality_degradation";
  reading.success_limit = limits.success;
  reading.limit = limits.trigger;
  reading.samples = std::min(evidence.canary_samples, evidence.stable_samples);
  const std::uint64_t needed = std::max<std::uint64_t>(limits.min_samples, 1);
  if (reading.samples < needed) {
    reading.enough = false;
    reading.reason = std::to_string(evidence.canary_samples) + " labels of the canary and " +
                     std::to_string(evidence.stable_samples) + " of stable, of " +
                     std::to_string(needed) + " each, in " + base::format_duration(limits.window);
    return reading;
  }
  reading.value = degradation(evidence);
  const std::string errors = " (error " + error_text(evidence.canary_error) + " of " +
                             std::to_string(evidence.canary_samples) + " labels, stable " +
                             error_text(evidence.stable_error) + " of " +
                             std::to_string(evidence.stable_samples) + ", in " +
                             base::format_duration(limits.window) + ")";
  const std::string what = reading.value >= 0 ? "quality degradation " + percent_text(reading.value)
                                              : "quality better by " + percent_text(-reading.value);
  if (reading.value > limits.trigger) {
    reading.verdict = Verdict::failure;
    reading.reason = what + " > " + percent_text(limits.trigger) + errors;
  } else if (reading.value < limits.success || evidence.canary_error <= evidence.stable_error) {
    reading.verdict = Verdict::success;
    reading.reason = what + " < " + percent_text(limits.success) + errors;
  } else {
    reading.reason = what + ", between " + percent_text(limits.success) + " and " +
                     percent_text(limits.trigger) + errors;
  }
  return reading;
}

}  // namespace canary::analysis

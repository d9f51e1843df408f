// The threshold judge's third criterion: how much worse the canary's predictions are than stable's.
// Pure.
#pragma once

#include "analysis/threshold.hpp"

namespace canary::analysis {

/// Mean error of the predictions whose truth is known (MAE, share of wrong answers, ...: lower is
/// better), of each version over the same window.
struct QualityEvidence {
  double canary_error = 0, stable_error = 0;
  std::uint64_t canary_samples = 0, stable_samples = 0;
};

/// `quality_degradation` = canary_error / stable_error - 1, as a ratio: success below `success`,
/// failure above `trigger`. Both versions need min_samples. A stable version without any error
/// makes every error of the canary an infinite degradation: then only the canary's zero is success.
Reading judge_quality(const QualityEvidence& evidence, const Thresholds& limits);

}  // namespace canary::analysis

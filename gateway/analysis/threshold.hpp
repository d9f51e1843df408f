// The threshold judge: a sliding window, a minimum of samples, two limits. Pure.
#pragma once

#include "analysis/verdict.hpp"
#include "base/clock.hpp"

namespace canary::analysis {

struct Thresholds {
  double success = 0;               // at or below: success (error rate: strictly below)
  double trigger = 0;               // above: failure
  std::uint64_t min_samples = 200;  // fewer: inconclusive
  base::Duration window{};          // only for the reason's text
};

/// Errors against requests. `error_rate`: success below `success`, failure above `trigger`. No
/// error at all is below every limit, 0 included; no request at all is never a success.
Reading judge_error_rate(std::uint64_t errors, std::uint64_t requests, const Thresholds& limits);

/// So many of them were bad.
struct Share {
  std::uint64_t bad = 0, of = 0;
};
/// Whether the canary's bad share may be no more than stable's own: not above it by more than
/// `limit` and so many standard errors of their difference (the pooled two-proportion test).
bool is_shared(const Share& canary, const Share& stable, double limit, double standard_errors);

/// What stable's own share of bad ones says of a canary that is beyond `limit`.
enum class Excuse : std::uint8_t {
  none,     // it is the canary's own failure
  pending,  // stable's is more than a fifth of `limit`, and chance may explain the difference:
            // within two standard errors
  shared    // stable is beyond `limit` as well: within five, because it is asked at every tick for
            // as long as both fail
};
/// Stable needs `min_samples`, or five bad ones: one stray error of few is no failure.
Excuse excuse(const Share& canary, const Share& stable, double limit, std::uint64_t min_samples);

/// p95 > c exactly when more than 5% of the samples exceed c, so the verdict rests on exact counts
/// at the SLO and at the trigger (limits in seconds). `p95` (seconds) is the reading's value where
/// it agrees with them, else the value is the nearest that does.
inline constexpr double p95_allows = 0.05;
struct LatencyCounts {
  std::uint64_t samples = 0, over_slo = 0, over_trigger = 0;
  double p95 = 0;
};
Reading judge_latency_p95(const LatencyCounts& counts, const Thresholds& limits);

}  // namespace canary::analysis

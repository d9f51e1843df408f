// What a judge says about one criterion. No data is not success.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace canary::analysis {

enum class Verdict : std::uint8_t { success, inconclusive, failure, error };
std::string_view name(Verdict verdict);

/// A criterion's present reading, with the numbers that explain it. `value` and the limits are in
/// the criterion's own unit: a ratio for error_rate, seconds for latency_p95.
struct Reading {
  std::string criterion;
  Verdict verdict = Verdict::inconclusive;
  double value = 0;
  double success_limit = 0;
  double limit = 0;  // the trigger: a value above it is a failure
  std::uint64_t samples = 0;
  std::string reason;  // "error rate 4.2% > 0.5% (42 of 1000 requests in 1m)"
  bool enough = true;  // false: too few samples for any verdict, so the time is not judged
};

}  // namespace canary::analysis

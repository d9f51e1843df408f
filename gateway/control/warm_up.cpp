#include "control/warm_up.hpp"

#include <algorithm>

#include "base/units.hpp"

namespace canary::control {
namespace {

/// Requests that would have been evidence: no client chooses which these are.
std::uint64_t served(const stats::VersionStats& version) {
  std::uint64_t sum = 0;
  for (const auto& cell : version.requests->all()) sum += cell.evidence.get();
  return sum;
}

}  // namespace

void WarmUp::begin(const stats::VersionStats& canary, base::MonoTime now) {
  if (since_) return;
  since_ = now;
  served_before_ = served(canary);
  warm_ = false;
  reason_ = "warming up";
}

WarmUp::Stage WarmUp::look(const config::WarmUp& wanted, const stats::VersionStats& canary,
                           base::MonoTime now) {
  if (!since_ || warm_) return Stage::warm;
  const std::uint64_t requests = served(canary) - served_before_;
  const base::Duration passed = now - *since_;
  if (requests >= wanted.requests && passed >= wanted.duration) {
    warm_ = true;
    const bool none = wanted == config::WarmUp{};
    return none ? Stage::warm : Stage::over;
  }
  reason_ = "warming up: ";
  if (wanted.requests > 0)
    reason_ += std::to_string(std::min(requests, wanted.requests)) + " of " +
               std::to_string(wanted.requests) + " requests";
  if (wanted.requests > 0 && wanted.duration > base::Duration::zero()) reason_ += ", ";
  if (wanted.duration > base::Duration::zero())
    reason_ += base::format_duration(
                   std::chrono::floor<std::chrono::seconds>(std::min(passed, wanted.duration))) +
               " of " + base::format_duration(wanted.duration);
  return Stage::cold;
}

}  // namespace canary::control

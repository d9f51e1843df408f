// A latency distribution to draw from, made of the few quantiles that a scenario says. Between
// them, and beyond them, the logarithm of the latency is linear in the normal distribution's
// quantile: a p50 and a p95 alone are a lognormal distribution. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "config/scenario.hpp"
#include "stats/cells.hpp"

namespace canary::rehearsal {

/// `count` requests that took the same time.
struct LatencyGroup {
  base::Duration latency{};
  std::uint64_t count = 0;
};

class Latencies {
 public:
  /// `quantiles` as config::Behaviour has them, not empty. How many lie above the SLO and above the
  /// trigger is drawn exactly; within a slot of the distribution, a draw's requests take one time.
  Latencies(std::vector<config::Quantile> quantiles, const stats::LatencyBounds& bounds);

  base::Duration quantile(double share) const;
  base::Duration median() const { return median_; }
  /// The share of requests that take at most this.
  double share_within(base::Duration latency) const;
  void draw(std::uint64_t n, base::Random& random, std::vector<LatencyGroup>& out) const;

 private:
  struct Slot {
    double end = 1;  // of the shares that it holds
    base::Duration values[32];
  };
  void count_each(std::uint64_t n, base::Random& random, std::vector<std::uint64_t>& counts) const;

  std::vector<config::Quantile> points_;  // without the maximum
  base::Duration most_{base::Duration::max()};
  base::Duration median_{};
  std::vector<Slot> slots_;
  std::vector<std::uint16_t> first_;  // the slot in which a 1024th begins
};

}  // namespace canary::rehearsal

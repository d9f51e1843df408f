// Sliding windows by subtraction: the control plane samples the cumulative counters at each tick
// and keeps at most 16 earlier samples, at least length/15 apart. The window is the present sample
// minus the oldest that is at most `length` old, so it covers between 14/15 of `length` and all of
// it once it has filled. Where ticks are further apart than `length`, it reaches back to the latest
// sample instead. Owned by the control thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>

#include "base/clock.hpp"
#include "stats/cells.hpp"

namespace canary::stats {

/// The evidence about one version, cumulative or over a window. Within a difference, errors never
/// exceed requests and slow ones never exceed samples, although the counters are read one by one
/// while the workers go on.
struct Evidence {
  std::uint64_t requests = 0, errors = 0;
  std::array<std::uint64_t, outcome_count> by_outcome{};
  std::uint64_t latency_samples = 0, over_slo = 0, over_trigger = 0;
  Histogram::Snapshot latency;
  Evidence since(const Evidence& earlier) const;
  void add(const Evidence& other);
};

/// Sums the workers' cells: the cumulative evidence at this moment.
Evidence sample(const VersionStats& stats);

class Window {
 public:
  static constexpr std::size_t max_samples = 16;
  explicit Window(base::Duration length) : length_(length) {}

  /// Takes the present sample. A change of the latency epoch starts the window's latency part
  /// (and the errors with it) anew: a window never crosses epochs.
  void tick(const VersionStats& stats, base::MonoTime now);
  /// Forgets everything before now: evidence begins at this moment.
  void restart(const VersionStats& stats, base::MonoTime now);

  /// What happened within the window; shorter than `length` while it fills.
  const Evidence& evidence() const { return evidence_; }
  base::Duration covered() const { return covered_; }

 private:
  struct Sample {
    base::MonoTime time;
    Evidence evidence;
  };
  base::Duration length_;
  std::deque<Sample> samples_;
  std::shared_ptr<const LatencyCells> epoch_;
  Evidence evidence_;
  base::Duration covered_{};
};

}  // namespace canary::stats

// The truths that become known of a version's predictions, and the errors they show, over the
// judge's window: what a rehearsal has in place of feedback. Pure.
#pragma once

#include <cstdint>
#include <deque>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "rehearsal/world.hpp"

namespace canary::rehearsal {

struct Labels {
  std::uint64_t count = 0;
  double sum = 0;  // of their errors
  double mean() const { return count == 0 ? 0 : sum / static_cast<double>(count); }
};

class LabelWindow {
 public:
  void begin_step(base::MonoTime now, base::Duration window);
  /// The labels of the step's `good` answers. Their errors are drawn from a gamma distribution of
  /// the scripted mean and spread, so they are never negative.
  void add(const Conduct& conduct, std::uint64_t good, double step_seconds, base::Random& random);
  /// Those of the window, up to now.
  Labels within() const;

 private:
  struct Sample {
    base::MonoTime time;
    Labels labels;
  };
  Labels all_;
  std::deque<Sample> samples_;  // as stats::Window keeps them
};

}  // namespace canary::rehearsal

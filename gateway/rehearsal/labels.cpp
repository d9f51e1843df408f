#include "rehearsal/labels.hpp"

#include <algorithm>

#include "rehearsal/draw.hpp"

namespace canary::rehearsal {

void LabelWindow::begin_step(base::MonoTime now, base::Duration window) {
  while (samples_.size() > 1 && now - samples_.front().time > window) samples_.pop_front();
  if (samples_.empty() || now - samples_.back().time >= window / 15)
    samples_.push_back({now, all_});
}

void LabelWindow::add(const Conduct& conduct, std::uint64_t good, double step_seconds,
                      base::Random& random) {
  if (!conduct.quality_error || good == 0) return;
  const std::uint64_t count =
      conduct.labels_per_second
          ? std::min(good, draw_poisson(*conduct.labels_per_second * step_seconds, random))
          : draw_binomial(good, conduct.labels, random);
  if (count == 0) return;
  const double mean = *conduct.quality_error, n = static_cast<double>(count);
  const double spread = conduct.quality_spread.value_or(mean);
  all_.count += count;
  if (mean <= 0 || spread <= 0) {
    all_.sum += mean * n;
    return;
  }
  const double shape = mean * mean / (spread * spread);
  all_.sum += draw_gamma(shape * n, random) * (mean / shape);
}

Labels LabelWindow::within() const {
  if (samples_.empty()) return all_;
  const Labels& before = samples_.front().labels;
  return {all_.count - before.count, all_.sum - before.sum};
}

}  // namespace canary::rehearsal

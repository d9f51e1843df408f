#include "rehearsal/latencies.hpp"

#include <algorithm>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>

#include "rehearsal/draw.hpp"

namespace canary::rehearsal {
namespace {

constexpr double smallest_share = 1e-9;
constexpr std::size_t lookup_size = 1024;
// Beyond this, a binomial for each slot is cheaper than a look at every request.
constexpr std::uint64_t one_by_one = 512;

double normal_quantile(double share) {
  const double inside = std::clamp(share, smallest_share, 1 - smallest_share);
  return -std::sqrt(2.0) * boost::math::erfc_inv(2 * inside);
}

double log_of(base::Duration latency) {
  return std::log(static_cast<double>(std::max<std::int64_t>(latency.count(), 1)));
}

}  // namespace

Latencies::Latencies(std::vector<config::Quantile> quantiles, const stats::LatencyBounds& bounds)
    : points_(std::move(quantiles)) {
  if (points_.back().share >= 1) {
    most_ = points_.back().value;
    points_.pop_back();
  }
  median_ = quantile(.5);
  std::vector<double> ends{.1, .2, .3, .4, .5, .6, .7, .8, .9, .925, .95, .975, .99, .999, 1};
  for (const base::Duration bound : {bounds.slo, bounds.trigger})
    if (bound > base::Duration::zero()) ends.push_back(share_within(bound));
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());

  double begin = 0;
  for (const double end : ends) {
    if (end <= begin) continue;
    Slot& slot = slots_.emplace_back();
    slot.end = end;
    const double steps = std::size(slot.values);
    for (std::size_t i = 0; i < std::size(slot.values); ++i)
      slot.values[i] = quantile(begin + (end - begin) * (static_cast<double>(i) + 0.5) / steps);
    // Rounding must not carry a slot's value over the bound on which the slot begins or ends.
    for (const base::Duration bound : {bounds.slo, bounds.trigger}) {
      if (bound <= base::Duration::zero()) continue;
      const bool within = end <= share_within(bound);
      for (auto& value : slot.values)
        value = within ? std::min(value, bound) : std::max(value, bound + base::Duration(1));
    }
    begin = end;
  }
  std::uint16_t slot = 0;
  for (std::size_t i = 0; i < lookup_size; ++i) {
    while (slots_[slot].end <= static_cast<double>(i) / lookup_size) ++slot;
    first_.push_back(slot);
  }
}

base::Duration Latencies::quantile(double share) const {
  const auto bounded = [this](double log_latency) {
    const double most =
        static_cast<double>(std::min(most_, base::Duration(std::chrono::hours(24))).count());
    return base::Duration(static_cast<std::int64_t>(std::min(std::exp(log_latency), most)));
  };
  if (points_.size() == 1) return bounded(log_of(points_.front().value));
  std::size_t next = 1;
  while (next + 1 < points_.size() && points_[next].share < share) ++next;
  const auto &low = points_[next - 1], &high = points_[next];
  const double from = normal_quantile(low.share), to = normal_quantile(high.share);
  const double place = (normal_quantile(share) - from) / (to - from);
  return bounded(log_of(low.value) + place * (log_of(high.value) - log_of(low.value)));
}

double Latencies::share_within(base::Duration latency) const {
  if (quantile(1) <= latency) return 1;
  if (quantile(0) > latency) return 0;
  double low = 0, high = 1;
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    (quantile(middle) <= latency ? low : high) = middle;
  }
  return low;
}

void Latencies::count_each(std::uint64_t n, base::Random& random,
                           std::vector<std::uint64_t>& counts) const {
  for (std::uint64_t i = 0; i < n; ++i) {
    const double u = random.unit();
    std::size_t slot = first_[static_cast<std::size_t>(u * lookup_size)];
    while (slots_[slot].end <= u) ++slot;
    ++counts[slot];
  }
}

void Latencies::draw(std::uint64_t n, base::Random& random, std::vector<LatencyGroup>& out) const {
  out.clear();
  std::vector<std::uint64_t> counts(slots_.size());
  if (n <= one_by_one) {
    count_each(n, random, counts);
  } else {
    double begin = 0;
    for (std::size_t i = 0; i < slots_.size() && n > 0; ++i) {
      counts[i] = draw_binomial(n, (slots_[i].end - begin) / (1 - begin), random);
      n -= counts[i];
      begin = slots_[i].end;
    }
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (counts[i] == 0) continue;
    const auto place = random.below(static_cast<std::uint32_t>(std::size(slots_[i].values)));
    out.push_back({slots_[i].values[place], counts[i]});
  }
}

}  // namespace canary::rehearsal

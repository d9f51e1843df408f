#include "stats/histogram.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <sstream>

namespace canary::stats {
namespace {

constexpr std::uint64_t sub_buckets = 1ull << Histogram::sub_bits;

}  // namespace

std::size_t Histogram::bucket_of(base::Duration value) {
  if (value.count() <= 0) return 0;
  const auto us = static_cast<std::uint64_t>(value.count()) / 1000;
  if (us < sub_buckets) return us;
  const auto magnitude = static_cast<unsigned>(std::bit_width(us)) - 1;
  if (magnitude >= max_bits) return bucket_count - 1;
  const unsigned shift = magnitude - sub_bits;
  return ((shift + 1ull) << sub_bits) + ((us >> shift) - sub_buckets);
}

base::Duration Histogram::middle(std::size_t bucket) {
  const std::uint64_t group = bucket >> sub_bits;
  const unsigned shift = group == 0 ? 0 : static_cast<unsigned>(group - 1);
  const std::uint64_t step = bucket & (sub_buckets - 1);
  const std::uint64_t low_us = (group == 0 ? step : step + sub_buckets) << shift;
  const std::uint64_t width_us = 1ull << shift;
  return base::Duration(static_cast<std::int64_t>(low_us * 1000 + width_us * 500));
}

void Histogram::Snapshot::add(const Histogram& histogram) {
  const std::size_t low = histogram.low_.load(std::memory_order_relaxed);
  const std::size_t high = histogram.high_.load(std::memory_order_relaxed);
  if (low >= high) return;
  cover(low, high);
  for (std::size_t i = low; i < high; ++i)
    buckets_[i - first_] += histogram.buckets_[i].load(std::memory_order_relaxed);
}

void Histogram::Snapshot::add(const Snapshot& other) {
  if (other.buckets_.empty()) return;
  cover(other.first_, other.first_ + other.buckets_.size());
  for (std::size_t i = 0; i < other.buckets_.size(); ++i)
    buckets_[other.first_ + i - first_] += other.buckets_[i];
}

void Histogram::Snapshot::cover(std::size_t low, std::size_t high) {
  if (buckets_.empty()) first_ = low;
  if (low < first_) {
    buckets_.insert(buckets_.begin(), first_ - low, 0);
    first_ = low;
  }
  if (high > first_ + buckets_.size()) buckets_.resize(high - first_);
}

std::string Histogram::Snapshot::to_text() const {
  if (count() == 0) return {};
  std::string out = std::to_string(first_);
  for (const std::uint64_t n : buckets_) (out += ' ') += std::to_string(n);
  return out;
}

Histogram::Snapshot Histogram::Snapshot::from_text(const std::string& text) {
  Snapshot out;
  std::istringstream numbers(text);
  if (!(numbers >> out.first_) || out.first_ >= bucket_count) return {};
  for (std::uint64_t n = 0; out.first_ + out.buckets_.size() < bucket_count && numbers >> n;)
    out.buckets_.push_back(n);
  return out;
}

Histogram::Snapshot Histogram::Snapshot::since(const Snapshot& earlier) const {
  Snapshot difference = *this;
  const std::size_t from = std::max(first_, earlier.first_);
  const std::size_t to =
      std::min(first_ + buckets_.size(), earlier.first_ + earlier.buckets_.size());
  for (std::size_t i = from; i < to; ++i) {
    auto& count = difference.buckets_[i - first_];
    count -= std::min(count, earlier.buckets_[i - earlier.first_]);
  }
  return difference;
}

std::uint64_t Histogram::Snapshot::count() const {
  std::uint64_t total = 0;
  for (const std::uint64_t n : buckets_) total += n;
  return total;
}

base::Duration Histogram::Snapshot::quantile(double q) const {
  const std::uint64_t total = count();
  if (total == 0) return base::Duration::zero();
  // The smallest rank r with r / total >= q; the factor forgives q * total its rounding, so that
  // the 0.07-quantile of 100 values is the 7th and not the 8th.
  const double exact = q * static_cast<double>(total) * (1 - 1e-12);
  const auto rank = std::clamp<std::uint64_t>(
      static_cast<std::uint64_t>(std::ceil(std::max(exact, 0.0))), 1, total);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank) return middle(first_ + i);
  }
  return middle(first_ + buckets_.size() - 1);
}

}  // namespace canary::stats

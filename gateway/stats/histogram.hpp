// A log-linear latency histogram: 64 buckets per power of two of microseconds, so a value read back
// as its bucket's middle is off by at most 1/128 (< 1%). Below 64 us a bucket is 1 us wide and the
// middle is off by at most 0.5 us.
// One thread adds (relaxed load + store), any thread reads. Nothing is ever reset: a window is a
// later Snapshot minus an earlier one.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.hpp"

namespace canary::stats {

class Histogram {
 public:
  static constexpr unsigned sub_bits = 6;
  static constexpr unsigned max_bits = 36;  // values of 2^36 us (19 h) and more share the last one
  static constexpr std::size_t bucket_count = ((max_bits - sub_bits) + 1) << sub_bits;

  static std::size_t bucket_of(base::Duration value);
  /// The middle of a bucket.
  static base::Duration middle(std::size_t bucket);

  /// By the owning thread only.
  void add(base::Duration value) {
    auto& cell = buckets_[bucket_of(value)];
    cell.store(cell.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  class Snapshot {
   public:
    Snapshot() = default;
    void add(const Histogram& histogram);
    /// The values recorded since `earlier`.
    Snapshot since(const Snapshot& earlier) const;
    std::uint64_t count() const;
    /// The q-quantile (0 < q <= 1) as inf{x : F(x) >= q}; zero when empty.
    base::Duration quantile(double q) const;

   private:
    std::vector<std::uint64_t> buckets_;  // empty, or bucket_count
  };

 private:
  std::array<std::atomic<std::uint64_t>, bucket_count> buckets_{};
};

}  // namespace canary::stats

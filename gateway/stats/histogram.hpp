// A log-linear latency histogram: 64 buckets per power of two of microseconds, so a value read back
// as its bucket's middle is off by at most 1/128 (< 1%). Below 64 us a bucket is 1 us wide and the
// middle is off by at most 0.5 us.
// One thread adds (relaxed load + store), any thread reads. Nothing is ever reset: a window is a
// later Snapshot minus an earlier one. Real latencies touch a small part of the range, which is
// remembered: only that part is copied.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
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
  void add(base::Duration value, std::uint64_t n = 1) {
    const std::size_t bucket = bucket_of(value);
    if (bucket < low_.load(std::memory_order_relaxed))
      low_.store(static_cast<std::uint16_t>(bucket), std::memory_order_relaxed);
    if (bucket >= high_.load(std::memory_order_relaxed))
      high_.store(static_cast<std::uint16_t>(bucket + 1), std::memory_order_relaxed);
    auto& cell = buckets_[bucket];
    cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  class Snapshot {
   public:
    Snapshot() = default;
    void add(const Histogram& histogram);
    void add(const Snapshot& other);
    /// `first count count ...`, empty for none; and back. What is no such text is no values.
    std::string to_text() const;
    static Snapshot from_text(const std::string& text);
    /// The values recorded since `earlier`.
    Snapshot since(const Snapshot& earlier) const;
    std::uint64_t count() const;
    /// The q-quantile (0 < q <= 1) as inf{x : F(x) >= q}; zero when empty.
    base::Duration quantile(double q) const;

   private:
    void cover(std::size_t low, std::size_t high);  // buckets [low, high) are there

    std::size_t first_ = 0;               // the bucket in front
    std::vector<std::uint64_t> buckets_;  // those that may hold something
  };

 private:
  // The touched buckets: [low, high).
  std::atomic<std::uint16_t> low_{bucket_count}, high_{0};
  std::array<std::atomic<std::uint64_t>, bucket_count> buckets_{};
};

}  // namespace canary::stats

// What is observed of one version: cumulative counters, one cache-line-aligned cell per worker,
// written by that worker alone and summed by whoever reads. Two groups: requests, which live as
// long as the process, and latency, which begins a new epoch when the SLO bounds change.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "stats/histogram.hpp"
#include "stats/outcome.hpp"
#include "stats/race_allowance.hpp"

namespace canary::stats {

/// A counter with one writer: relaxed load + store, no read-modify-write.
class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }
  /// The same as a pair: who sees what was published also sees what its writer wrote before.
  void publish(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_release);
  }
  std::uint64_t published() const { return value_.load(std::memory_order_acquire); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Where an SLO and its trigger stand, and which latency they speak of. Both 0: no SLO; latency is
/// then still sampled, but nothing is over a bound.
struct LatencyBounds {
  base::Duration slo{};
  base::Duration trigger{};
  bool of_first_byte = false;
  bool operator==(const LatencyBounds&) const = default;
};

/// Counts by (outcome, status code): a small open-addressed table, because few pairs ever occur.
/// When it is full, further pairs are counted under their outcome with code 0 ("none").
class CodeCounters {
 public:
  void add(Outcome outcome, std::uint16_t code, std::uint64_t n = 1);
  template <class F>  // f(Outcome, code, count)
  void for_each(F&& f) const;

 private:
  static constexpr std::size_t slots = 128;
  std::array<std::atomic<std::uint32_t>, slots> keys_{};  // 0: free; else 1 + outcome * 1000 + code
  std::array<Counter, slots> counts_{};
};

struct alignas(64) RequestCell {
  CodeCounters by_code;
  std::array<Counter, outcome_count> by_outcome;
  Counter started, finished;           // in flight = started - finished
  Counter evidence, evidence_errors;   // what a verdict on errors is based on
  Counter bytes_received, bytes_sent;  // request bodies from, response bodies to the client
  Counter failovers;                   // requests picked for this version, answered by stable
  Counter shed;                        // refused because too many were in flight
  RaceAllowance races;                 // the worker's own affair: nobody else reads it
  // When a request was last seen that counts against the version (an error, or slower than the
  // trigger), as nanoseconds of the monotonic clock; 0: never.
  std::atomic<std::int64_t> last_failure{0};
  void note_failure(base::MonoTime now) {
    last_failure.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }
};

/// The upper bounds, in seconds, of the exported Prometheus histograms; an epoch adds its SLO and
/// trigger as exact bounds.
std::vector<base::Duration> exported_bounds(const LatencyBounds& bounds);

/// A histogram with few exact bounds, as Prometheus wants it.
class BoundedHistogram {
 public:
  static constexpr std::size_t max_bounds = 24;
  void add(const std::vector<base::Duration>& bounds, base::Duration value, std::uint64_t n = 1);
  std::array<Counter, max_bounds + 1> counts;  // counts[i]: bounds[i-1] < value <= bounds[i]
  Counter sum_us;
};

struct alignas(64) LatencyCell {
  Histogram evidence;  // latency (of the SLO's kind) of `ok` responses that are evidence
  Counter samples;     // requests that entered the latency evidence (ok, or slow while in flight)
  Counter over_slo, over_trigger;
  BoundedHistogram duration, first_byte;  // of every response, for /metrics
};

class RequestCells {
 public:
  explicit RequestCells(std::size_t workers) : cells_(workers) {}
  RequestCell& at(std::size_t worker) { return cells_[worker]; }
  const std::vector<RequestCell>& all() const { return cells_; }

  /// How often the version has come to have weight. Requests that were picked in an earlier time
  /// are no evidence of this one. Written by the control thread.
  std::uint32_t episode() const { return episode_.load(std::memory_order_relaxed); }
  void begin_episode() { episode_.store(episode() + 1, std::memory_order_relaxed); }

  /// Since when none of the version's names has an address; MonoTime{}: one has. By the control
  /// thread.
  base::MonoTime nameless_since() const {
    return base::MonoTime(base::Duration(nameless_since_.load(std::memory_order_relaxed)));
  }
  void set_nameless_since(base::MonoTime since) {
    nameless_since_.store(since.time_since_epoch().count(), std::memory_order_relaxed);
  }

 private:
  std::vector<RequestCell> cells_;
  std::atomic<std::uint32_t> episode_{0};
  std::atomic<std::int64_t> nameless_since_{0};
};

class LatencyCells {
 public:
  LatencyCells(std::size_t workers, const LatencyBounds& bounds)
      : bounds(bounds), exported(exported_bounds(bounds)), cells_(workers) {}
  const LatencyBounds bounds;
  const std::vector<base::Duration> exported;
  LatencyCell& at(std::size_t worker) { return cells_[worker]; }
  const std::vector<LatencyCell>& all() const { return cells_; }

 private:
  std::vector<LatencyCell> cells_;
};

/// The two groups of one (model, version), shared by the routing tables that name it.
struct VersionStats {
  std::string model, version;
  std::shared_ptr<RequestCells> requests;
  std::shared_ptr<LatencyCells> latency;
  /// Requests begun and not ended: never less than there were at one moment of the call.
  std::uint64_t in_flight() const;
  /// Whether no more than `most` are in flight, the caller's among them, which has begun. Of calls
  /// at the same moment one at least counts the others: there are never more. A request that is
  /// refused counts until it has ended, so that another may be refused in vain beside it.
  bool within(std::uint64_t most) const;
  base::MonoTime last_failure() const;  // the latest of the workers'
};

/// One finished request, as the data plane saw it.
struct Observation {
  Outcome outcome = Outcome::gateway_error;
  std::uint16_t code = 0;         // the upstream's status, 0: none
  bool error = false;             // counts as an error of the version (outcome, or errors.also)
  bool evidence = true;           // false when the client chose the version itself
  bool counted_slow_slo = false;  // already counted while in flight (see record_slow)
  bool counted_slow_trigger = false;
  bool streamed = false;  // event stream or tunnel: judged by its first byte whatever the SLO is of
  std::optional<base::Duration> first_byte;  // since the last request byte was sent
  std::optional<base::Duration> total;       // only of complete responses
  base::MonoTime at{};                       // when it finished
  std::uint64_t bytes_received = 0, bytes_sent = 0;
};

/// Records a finished request: its one charge. By the worker that served it.
/// Latency evidence is that of `ok` responses only (failures are fast and flatter a broken
/// version). A request that was counted slow in flight is not counted again when it ends.
/// `n` requests that are alike in everything are recorded at once: a rehearsal has millions.
void record(RequestCell& requests, LatencyCell& latency, const LatencyCells& epoch,
            const Observation& observation, std::uint64_t n = 1);

/// A request that is still waiting has passed the SLO or the trigger: counts as slow now. Only for
/// requests that are evidence; the SLO before the trigger, each at most once per request.
void record_slow_slo(LatencyCell& latency, std::uint64_t n = 1);
void record_slow_trigger(LatencyCell& latency, std::uint64_t n = 1);

template <class F>
void CodeCounters::for_each(F&& f) const {
  for (std::size_t i = 0; i < slots; ++i) {
    const std::uint32_t key = keys_[i].load(std::memory_order_acquire);
    if (key != 0)
      f(static_cast<Outcome>((key - 1) / 1000), static_cast<std::uint16_t>((key - 1) % 1000),
        counts_[i].get());
  }
}

}  // namespace canary::stats

#include "stats/cells.hpp"

#include <algorithm>
#include <chrono>

namespace canary::stats {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// The latency that the SLO speaks of. An event stream's length is the model's answer, not its
// speed: it is judged by its first byte.
std::optional<base::Duration> judged_latency(const LatencyBounds& bounds, const Observation& o) {
  return bounds.of_first_byte || o.streamed ? o.first_byte : o.total;
}

bool is_too_slow(const LatencyBounds& bounds, const Observation& o) {
  const auto latency = judged_latency(bounds, o);
  return bounds.trigger > base::Duration::zero() && latency && *latency > bounds.trigger;
}

void record_latency(LatencyCell& cell, const LatencyBounds& bounds, const Observation& o,
                    std::uint64_t n) {
  if (o.outcome != Outcome::ok || !o.evidence) return;
  const auto latency = judged_latency(bounds, o);
  if (!latency) return;
  cell.evidence.add(*latency, n);
  const bool has_slo = bounds.slo > base::Duration::zero();
  const bool has_trigger = bounds.trigger > base::Duration::zero();
  if (!o.counted_slow_slo) {
    cell.samples.add(n);
    if (has_slo && *latency > bounds.slo) cell.over_slo.add(n);
  }
  if (!o.counted_slow_trigger && has_trigger && *latency > bounds.trigger) cell.over_trigger.add(n);
}

}  // namespace

void CodeCounters::add(Outcome outcome, std::uint16_t code, std::uint64_t n) {
  // The first slots belong to the pairs with code 0, so that these always find room.
  const auto none = static_cast<std::size_t>(outcome);
  const std::uint32_t base_key = 1 + static_cast<std::uint32_t>(outcome) * 1000;
  const std::uint32_t key = base_key + (code < 1000 ? code : 0);
  std::size_t slot = none;
  if (key != base_key) {
    constexpr std::size_t open = slots - outcome_count;
    for (std::size_t i = 0; i < open; ++i) {
      const std::size_t candidate = outcome_count + (key * 2654435761u + i) % open;
      const std::uint32_t taken = keys_[candidate].load(std::memory_order_relaxed);
      if (taken != key && taken != 0) continue;
      slot = candidate;
      break;
    }
  }
  counts_[slot].add(n);
  if (keys_[slot].load(std::memory_order_relaxed) == 0)
    keys_[slot].store(slot == none ? base_key : key, std::memory_order_release);
}

std::vector<base::Duration> exported_bounds(const LatencyBounds& bounds) {
  // Up to an hour: model servers answer in minutes, and a quantile beyond the last bound is lost.
  std::vector<base::Duration> all{
      milliseconds(1),   microseconds(2500), milliseconds(5),    milliseconds(10),
      milliseconds(25),  milliseconds(50),   milliseconds(100),  milliseconds(250),
      milliseconds(500), seconds(1),         milliseconds(2500), seconds(5),
      seconds(10),       seconds(30),        seconds(60),        seconds(120),
      seconds(300),      seconds(600),       seconds(1800),      seconds(3600)};
  for (const base::Duration exact : {bounds.slo, bounds.trigger})
    if (exact > base::Duration::zero()) all.push_back(exact);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

void BoundedHistogram::add(const std::vector<base::Duration>& bounds, base::Duration value,
                           std::uint64_t n) {
  const auto at = std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin();
  counts[std::min(static_cast<std::size_t>(at), max_bounds)].add(n);
  const auto us = std::chrono::duration_cast<microseconds>(value).count();
  sum_us.add(static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0)) * n);
}

std::uint64_t VersionStats::in_flight() const {
  // Finished first: a request that ends in between must not make the difference negative.
  std::uint64_t finished = 0, started = 0;
  for (const auto& cell : requests->all()) finished += cell.finished.published();
  for (const auto& cell : requests->all()) started += cell.started.get();
  return started > finished ? started - finished : 0;
}

bool VersionStats::within(std::uint64_t most) const {
  // Each has written that it began before it reads who else has.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return in_flight() <= most;
}

base::MonoTime VersionStats::last_failure() const {
  std::int64_t latest = 0;
  for (const auto& cell : requests->all())
    latest = std::max(latest, cell.last_failure.load(std::memory_order_relaxed));
  return base::MonoTime(base::Duration(latest));
}

void record(RequestCell& requests, LatencyCell& latency, const LatencyCells& epoch,
            const Observation& o, std::uint64_t n) {
  requests.by_code.add(o.outcome, o.code, n);
  requests.by_outcome[static_cast<std::size_t>(o.outcome)].add(n);
  requests.bytes_received.add(o.bytes_received * n);
  requests.bytes_sent.add(o.bytes_sent * n);
  const bool counted_4xx = o.outcome == Outcome::client_error && o.error;
  if (o.evidence && (is_evidence(o.outcome) || counted_4xx)) {
    requests.evidence.add(n);
    if (o.error) requests.evidence_errors.add(n);
    if (o.error || is_too_slow(epoch.bounds, o)) requests.note_failure(o.at);
  }
  record_latency(latency, epoch.bounds, o, n);
  if (o.total) latency.duration.add(epoch.exported, *o.total, n);
  if (o.first_byte) latency.first_byte.add(epoch.exported, *o.first_byte, n);
  requests.finished.publish(n);
}

void record_slow_slo(LatencyCell& latency, std::uint64_t n) {
  latency.samples.add(n);
  latency.over_slo.add(n);
}

void record_slow_trigger(LatencyCell& latency, std::uint64_t n) { latency.over_trigger.add(n); }

}  // namespace canary::stats

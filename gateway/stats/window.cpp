#include "stats/window.hpp"

#include <algorithm>
#include <utility>

namespace canary::stats {
namespace {

std::uint64_t minus(std::uint64_t later, std::uint64_t earlier) {
  return later > earlier ? later - earlier : 0;
}

}  // namespace

Evidence Evidence::since(const Evidence& earlier) const {
  Evidence d;
  d.requests = minus(requests, earlier.requests);
  d.errors = std::min(minus(errors, earlier.errors), d.requests);
  for (std::size_t i = 0; i < outcome_count; ++i)
    d.by_outcome[i] = minus(by_outcome[i], earlier.by_outcome[i]);
  d.latency_samples = minus(latency_samples, earlier.latency_samples);
  d.over_slo = std::min(minus(over_slo, earlier.over_slo), d.latency_samples);
  d.over_trigger = std::min(minus(over_trigger, earlier.over_trigger), d.latency_samples);
  d.latency = latency.since(earlier.latency);
  return d;
}

void Evidence::add(const Evidence& other) {
  requests += other.requests;
  errors += other.errors;
  for (std::size_t i = 0; i < outcome_count; ++i) by_outcome[i] += other.by_outcome[i];
  latency_samples += other.latency_samples;
  over_slo += other.over_slo;
  over_trigger += other.over_trigger;
  latency.add(other.latency);
}

Evidence sample(const VersionStats& stats) {
  Evidence e;
  for (const RequestCell& cell : stats.requests->all()) {
    e.errors += cell.evidence_errors.get();
    e.requests += cell.evidence.get();
    for (std::size_t i = 0; i < outcome_count; ++i) e.by_outcome[i] += cell.by_outcome[i].get();
  }
  for (const LatencyCell& cell : stats.latency->all()) {
    e.over_trigger += cell.over_trigger.get();
    e.over_slo += cell.over_slo.get();
    e.latency_samples += cell.samples.get();
    e.latency.add(cell.evidence);
  }
  return e;
}

void Window::tick(const VersionStats& stats, base::MonoTime now) {
  if (samples_.empty() || epoch_ != stats.latency) return restart(stats, now);
  while (samples_.size() > 1 && now - samples_.front().time > length_) samples_.pop_front();

  Evidence present = sample(stats);
  evidence_ = present.since(samples_.front().evidence);
  covered_ = now - samples_.front().time;

  constexpr std::int64_t steps = max_samples - 1;
  const base::Duration step((length_.count() + steps - 1) / steps);
  if (now - samples_.back().time < step) return;
  if (samples_.size() == max_samples) samples_.pop_front();
  samples_.push_back({now, std::move(present)});
}

void Window::restart(const VersionStats& stats, base::MonoTime now) {
  epoch_ = stats.latency;
  samples_.clear();
  samples_.push_back({now, sample(stats)});
  evidence_ = Evidence{};
  covered_ = base::Duration::zero();
}

}  // namespace canary::stats

#include "call/record.hpp"

#include <algorithm>
#include <utility>

#include "call/classify.hpp"

namespace canary::call {

CallRecord::~CallRecord() {
  // Every path finishes; what slips through is our own fault, and still one charge.
  if (version_ && !finished_) finish(stats::Outcome::gateway_error, start_, 0, 0);
  unpicked();
}

void CallRecord::picked(const traffic::Model& model, const traffic::Version& version,
                        bool evidence) {
  unpicked();
  sent_ = held_since_ = MonoTime{};
  version.stats->requests->at(worker_).started.add();
  in_flight_ = &version;
  if (finished_) return;  // charged already: the request only travels on (failover)
  model_ = &model;
  version_ = &version;
  evidence_ = evidence;
  episode_ = version.stats->requests->episode();
  if (std::exchange(counted_for_, version.stats.get()) != version.stats.get())
    counted_slo_ = counted_trigger_ = false;
}

void CallRecord::unpicked() {
  if (in_flight_) in_flight_->stats->requests->at(worker_).finished.publish();
  in_flight_ = nullptr;
  if (!finished_) version_ = nullptr;
}

void CallRecord::held_up(MonoTime now) {
  if (age_began() != MonoTime{}) return;
  held_since_ = now;
  waited_before_ = client_.total(now);
}

void CallRecord::request_sent(MonoTime now) {
  client_.uploaded();
  sent_ = now;
  goes_on();
  waited_before_ = client_.total(now);
}

void CallRecord::response_started(MonoTime now, std::uint16_t status, bool streamed) {
  client_.answer_began(now);
  if (finished_) return;
  status_ = status;
  streamed_ = streamed;
  goes_on();
  if (!streamed) first_content(now);
}

void CallRecord::first_content(MonoTime now) {
  if (finished_ || content_began_) return;
  content_began_ = true;
  if (sent_ != MonoTime{}) first_byte_ = age(now);
}

Duration CallRecord::age(MonoTime now) const {
  return std::max(Duration{}, now - age_began() - (client_.total(now) - waited_before_));
}

void CallRecord::finish(stats::Outcome outcome, MonoTime now, std::uint64_t received,
                        std::uint64_t sent) {
  if (finished_ || !version_) return;
  finished_ = true;
  outcome_ = outcome;
  stats::Observation seen;
  seen.outcome = outcome;
  seen.at = now + paused_;
  seen.code = status_;
  seen.error = !excused_ && classify::is_error(outcome, status_, *model_);
  seen.evidence = is_evidence();
  seen.counted_slow_slo = counted_slo_;
  seen.counted_slow_trigger = counted_trigger_;
  seen.first_byte = first_byte_;
  seen.streamed = streamed_;
  if (classify::is_answered(outcome, status_) && sent_ != MonoTime{}) seen.total = age(now);
  seen.bytes_received = received;
  seen.bytes_sent = sent;
  const stats::VersionStats& stats = *version_->stats;
  stats::record(stats.requests->at(worker_), stats.latency->at(worker_), *stats.latency, seen);
  in_flight_ = nullptr;  // record() ended that too
}

bool CallRecord::waiting() const {
  if (finished_ || !version_ || age_began() == MonoTime{} || !is_evidence()) return false;
  const stats::LatencyBounds& bounds = version_->stats->latency->bounds;
  return bounds.slo.count() > 0 && !((bounds.of_first_byte || streamed_) && content_began_);
}

MonoTime CallRecord::next_age_check() const {
  if (!waiting() || counted_trigger_) return MonoTime::max();
  const stats::LatencyBounds& bounds = version_->stats->latency->bounds;
  const Duration bound = counted_slo_ ? bounds.trigger : bounds.slo;
  return age_began() + (client_.settled() - waited_before_) + bound + Duration(1);
}

void CallRecord::check_age(MonoTime now) {
  if (!waiting() || client_.waiting()) return;
  const stats::LatencyBounds& bounds = version_->stats->latency->bounds;
  stats::LatencyCell& cell = version_->stats->latency->at(worker_);
  if (!counted_slo_ && age(now) > bounds.slo) {
    counted_slo_ = true;
    stats::record_slow_slo(cell);
  }
  if (!counted_trigger_ && age(now) > bounds.trigger) {
    counted_trigger_ = true;
    stats::record_slow_trigger(cell);
    version_->stats->requests->at(worker_).note_failure(now + paused_);
  }
}

}  // namespace canary::call

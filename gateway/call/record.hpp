// What is written down about one call, and the guarantee that it is charged exactly once: to
// the version that was picked, with the first outcome that finish() is told. Counts a request that
// is still waiting as slow when its age passes the SLO or the trigger.
// Lives in the call, on the worker's thread.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "call/client_waits.hpp"
#include "stats/cells.hpp"
#include "traffic/routing_table.hpp"

namespace canary::call {

class CallRecord {
 public:
  /// `paused`: what the times that it is told leave out, before those of other threads.
  CallRecord(std::size_t worker, MonoTime start, Duration paused = {})
      : worker_(worker), start_(start), paused_(paused), client_(start) {}
  ~CallRecord();
  CallRecord(const CallRecord&) = delete;
  CallRecord& operator=(const CallRecord&) = delete;

  /// The request is on its way to this version: in flight there. A second call moves it.
  /// `evidence`: what becomes of it says something about the version.
  void picked(const traffic::Model& model, const traffic::Version& version, bool evidence);
  /// The pick is taken back before its head was sent: no longer in flight anywhere.
  void unpicked();

  /// The version takes neither the connection nor the body. From the first such call until
  /// goes_on() or request_sent() this is its age.
  void held_up(MonoTime now);
  void goes_on() { held_since_ = MonoTime{}; }
  void request_sent(MonoTime now);
  /// The request's head goes to the version: from now on the version can end it.
  void dispatched(MonoTime now) { client_.dispatched(now); }
  /// The response head arrived. `streamed`: an event stream or a tunnel, whose latency is that of
  /// its first byte; first_content() says when that came.
  void response_started(MonoTime now, std::uint16_t status, bool streamed);
  void first_content(MonoTime now);
  /// The end that comes says nothing of the version: no error, whatever its outcome.
  void excuse() { excused_ = true; }
  /// Waiting for a slow client is not the version's latency. It begins so: with the request's head.
  void client_blocks(bool blocked, MonoTime now) { client_.set(blocked, now); }
  /// It sent or took something.
  void client_moved(MonoTime now) { client_.moved(now); }
  /// The version was waited for, with everything read that it had sent, since `from` and until now.
  void version_waited_for(MonoTime from, MonoTime now) { client_.version_waited_for(from, now); }
  /// Whether an end by the version, seen now, is the client's doing.
  bool client_caused_end(MonoTime now) const { return client_.caused_end(now); }
  /// Whether at least half of the exchange so far was spent waiting for the client.
  bool client_took_most(MonoTime now) const { return 2 * client_.total(now) >= now - start_; }

  /// The one charge. The first call counts; later ones are ignored. `error`: counts as an error of
  /// the version besides what the outcome says (errors.also).
  void finish(stats::Outcome outcome, MonoTime now, std::uint64_t received, std::uint64_t sent);
  bool finished() const { return finished_; }

  /// When check_age() has something to look at again; max for never.
  MonoTime next_age_check() const;
  void check_age(MonoTime now);

  MonoTime start() const { return start_; }
  MonoTime dispatched_at() const { return client_.dispatched_at(); }
  std::uint16_t status() const { return status_; }
  stats::Outcome outcome() const { return outcome_; }
  const traffic::Model* model() const { return model_; }
  const traffic::Version* version() const { return version_; }
  std::optional<Duration> first_byte() const { return first_byte_; }
  /// Where the request is in flight now: not the version charged, after a failover.
  const traffic::Version* in_flight() const { return in_flight_; }

 private:
  Duration age(MonoTime now) const;
  bool waiting() const;
  /// Whether what becomes of it says something about the version as it is now.
  bool is_evidence() const { return evidence_ && episode_ == version_->stats->requests->episode(); }
  MonoTime age_began() const { return sent_ != MonoTime{} ? sent_ : held_since_; }

  std::size_t worker_;
  MonoTime start_;
  Duration paused_;
  const traffic::Model* model_ = nullptr;  // pinned by the call
  const traffic::Version* version_ = nullptr;
  const traffic::Version* in_flight_ = nullptr;
  const stats::VersionStats* counted_for_ = nullptr;  // whose counted_slo_, counted_trigger_ are
  MonoTime sent_{}, held_since_{};
  ClientWaits client_;
  Duration waited_before_{};  // for the client, before age_began()
  std::optional<Duration> first_byte_;
  std::uint16_t status_ = 0;
  stats::Outcome outcome_ = stats::Outcome::gateway_error;
  std::uint32_t episode_ = 0;
  bool evidence_ = true, streamed_ = false, finished_ = false;
  bool excused_ = false, content_began_ = false;
  bool counted_slo_ = false, counted_trigger_ = false;
};

}  // namespace canary::call

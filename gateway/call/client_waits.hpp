// How long an exchange has waited for its client (for its body, or for it to take the answer), and
// whether an end that the model server brings about is therefore the client's doing: servers give
// up on slow clients, and what they do then looks like a crash. The rule, and why it is this one:
// docs/decisions/0070-who-kept-whom-waiting.md. Pure: time is an argument. Part of CallRecord.
#pragma once

#include "base/clock.hpp"

namespace canary::call {

using base::Duration;
using base::MonoTime;

class ClientWaits {
 public:
  /// A shorter wait says nothing: packets take as long. No server's limit on clients is shorter.
  static constexpr Duration patience = std::chrono::milliseconds(200);
  /// What servers allow for a whole exchange is at least this.
  static constexpr Duration whole_exchange = std::chrono::seconds(5);

  /// An exchange begins by waiting: for the request's head.
  explicit ClientWaits(MonoTime start) : since_(start) {}

  /// From now on the client is waited for, or no longer.
  void set(bool waits, MonoTime now) {
    if (waits != waits_) turn(waits, now);
  }
  bool waiting() const { return waits_; }
  /// The client sent or took something: a wait that goes on is a new one.
  void moved(MonoTime now) {
    if (!waits_) return;
    turn(false, now);
    turn(true, now);
  }
  /// All waiting so far. settled(): without the wait that goes on.
  Duration total(MonoTime now) const { return total_ + (waits_ ? now - since_ : Duration{}); }
  Duration settled() const { return total_; }

  /// The request's head goes to the version: from now on the version can end the exchange.
  void dispatched(MonoTime now) {
    whole_ = {now, total(now)};
    stalled_until_ = MonoTime{};
    uploaded_ = answering_ = false;
  }
  MonoTime dispatched_at() const { return whole_.at; }
  /// The version has the whole request. What its client did to it is no excuse for the answer.
  void uploaded() {
    uploaded_ = true;
    end_request();
  }
  /// The answer's head has come. The request goes on where its body is not whole.
  void answer_began(MonoTime now) {
    answer_ = {now, total(now)};
    answering_ = true;
    end_request();
  }
  /// The version was waited for, with everything read that it had sent, since `from` and until now.
  void version_waited_for(MonoTime from, MonoTime now) { for_version_ += now - from; }

  /// Whether an end by the version, seen now, is the client's doing.
  bool caused_end(MonoTime now) const {
    return stalled(now) || most_of(whole_, request_over() ? whole_exchange : patience, now) ||
           (answering_ && most_of(answer_, patience, now));
  }

 private:
  struct Mark {
    MonoTime at{};
    Duration waited{};  // until then
  };
  void turn(bool waits, MonoTime now);
  bool request_over() const { return uploaded_ && answering_; }
  void end_request() {
    if (request_over() && !stalled_in_answer_) stalled_until_ = MonoTime{};
  }
  bool stalled(MonoTime now) const;
  bool most_of(const Mark& part, Duration at_least, MonoTime now) const;

  MonoTime since_;  // the present wait began, while waits_
  Duration total_{};
  Mark whole_, answer_;       // since the request was dispatched; since the answer's head
  MonoTime stalled_until_{};  // when a wait of `patience` or longer last ended
  Duration for_version_{};    // that the version was waited for since then
  bool stalled_in_answer_ = false;
  bool waits_ = true, uploaded_ = false, answering_ = false;
};

}  // namespace canary::call

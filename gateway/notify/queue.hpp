// What waits for one receiver, and what is to be sent next. Pure: the time is handed in, the
// randomness seeded. One owner; notify/lane guards it.
//
// Trouble (no connection, no answer, 5xx, 408, 425, 429, a redirect) is the receiver's: everything
// waits, and the oldest message is tried first. A message that has failed `patience` times no
// longer holds back the newer ones: it has a time of its own. So has a message that is refused (any
// other 4xx): it is tried again, more slowly, in case somebody mends the receiver.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "notify/notice.hpp"
#include "notify/pace.hpp"

namespace canary::notify {

/// What a try came to.
struct Outcome {
  enum class Kind : std::uint8_t { delivered, trouble, refused } kind = Kind::delivered;
  std::string error{};                          // without secrets
  std::optional<base::Duration> retry_after{};  // asked for by the receiver
};

class Queue {
 public:
  Queue(const Pace& pace, std::uint64_t seed) : pace_(pace), random_(seed) {}

  /// A message that is there already is not queued again. When there are more than `capacity`, the
  /// oldest harmless message gives way, or without one the oldest: it is returned.
  std::optional<Message> push(Message message, base::MonoTime now);
  /// The message to send now; it is in flight until settle(). Nothing: wait until wake().
  const Message* next(base::MonoTime now);
  /// Of the message in flight: it goes when it was delivered, and waits again when not.
  void settle(const Outcome& outcome, base::MonoTime now);
  /// Takes out what has waited here for too long. Nobody sets this clock: a message from before a
  /// restart begins to wait when it is queued again.
  std::vector<Message> take_expired(base::MonoTime now);
  std::vector<Message> take_all();

  /// When next() may have something; nothing when nothing waits.
  std::optional<base::MonoTime> wake() const;
  std::size_t size() const { return waiting_.size(); }
  /// Of the message in flight, this one included.
  unsigned tries() const { return in_flight_ == waiting_.end() ? 0 : in_flight_->tries; }

 private:
  struct Waiting {
    Message message;
    base::MonoTime since{};
    unsigned tries = 0;
    bool refused = false;
    base::MonoTime due{};
  };
  using Place = std::list<Waiting>::iterator;
  Message take(Place place);

  Pace pace_;
  base::Random random_;
  std::list<Waiting> waiting_;  // oldest first
  Place in_flight_ = waiting_.end();
  std::unordered_set<std::string> ids_;
  unsigned troubles_ = 0;  // in a row
  base::MonoTime not_before_{};
};

}  // namespace canary::notify

#include "notify/queue.hpp"

#include <algorithm>

namespace canary::notify {

std::optional<Message> Queue::push(Message message, base::MonoTime now) {
  if (!ids_.insert(message.id).second) return {};
  waiting_.push_back({std::move(message), now});
  if (waiting_.size() <= pace_.capacity) return {};
  for (auto place = waiting_.begin(); place != waiting_.end(); ++place)
    if (place != in_flight_ && place->message.harmless) return take(place);
  const Place oldest = waiting_.begin();
  return take(oldest == in_flight_ ? std::next(oldest) : oldest);
}

const Message* Queue::next(base::MonoTime now) {
  if (now < not_before_) return nullptr;
  // The oldest that is due; what was refused comes after what was not.
  for (const bool refused : {false, true})
    for (auto place = waiting_.begin(); place != waiting_.end(); ++place) {
      if (place->refused != refused || place->due > now) continue;
      in_flight_ = place;
      ++place->tries;
      return &place->message;
    }
  return nullptr;
}

void Queue::settle(const Outcome& outcome, base::MonoTime now) {
  if (in_flight_ == waiting_.end()) return;
  Waiting& waiting = *in_flight_;
  const auto asked = std::min(outcome.retry_after.value_or(base::Duration::zero()), pace_.most);
  switch (outcome.kind) {
    case Outcome::Kind::delivered:
      troubles_ = 0;
      take(in_flight_);
      return;
    case Outcome::Kind::trouble:
      ++troubles_;
      not_before_ = now + std::max(asked, back_off(pace_.least, pace_.most, troubles_, random_));
      break;
    case Outcome::Kind::refused:
      troubles_ = 0;
      not_before_ = now + pace_.least;  // nobody is flooded with what is refused
      break;
  }
  waiting.refused = outcome.kind == Outcome::Kind::refused;
  if (waiting.refused || waiting.tries >= pace_.patience)
    waiting.due = now + std::max(asked, back_off(pace_.slow, pace_.most, waiting.tries, random_));
  in_flight_ = waiting_.end();
}

std::vector<Message> Queue::take_expired(base::MonoTime now) {
  std::vector<Message> expired;
  for (auto place = waiting_.begin(); place != waiting_.end();) {
    const Place here = place++;
    if (here != in_flight_ && now - here->since >= pace_.give_up) expired.push_back(take(here));
  }
  return expired;
}

std::vector<Message> Queue::take_all() {
  std::vector<Message> all;
  while (!waiting_.empty()) all.push_back(take(waiting_.begin()));
  return all;
}

std::optional<base::MonoTime> Queue::wake() const {
  if (waiting_.empty()) return {};
  const auto first = std::min_element(waiting_.begin(), waiting_.end(),
                                      [](const auto& a, const auto& b) { return a.due < b.due; });
  return std::max(first->due, not_before_);
}

Message Queue::take(Place place) {
  Message message = std::move(place->message);
  ids_.erase(message.id);
  if (place == in_flight_) in_flight_ = waiting_.end();
  waiting_.erase(place);
  return message;
}

}  // namespace canary::notify

#include "call/client_waits.hpp"

namespace canary::call {

void ClientWaits::turn(bool waits, MonoTime now) {
  waits_ = waits;
  if (waits) {
    since_ = now;
    return;
  }
  total_ += now - since_;
  if (now - since_ < patience) return;
  stalled_until_ = now;
  stalled_in_answer_ = answering_;
  for_version_ = Duration{};
}

// While the client takes nothing of an answer, nothing is read from the version: that it has given
// up shows later, behind the bytes it had sent before. There are none of these left when it is the
// version that is mostly waited for; where memory for so many bytes is short, that takes seconds.
bool ClientWaits::stalled(MonoTime now) const {
  if (waits_ && now - since_ >= patience) return true;
  if (stalled_until_ == MonoTime{}) return false;
  const Duration at_least = stalled_in_answer_ ? whole_exchange : patience;
  return for_version_ < at_least || 2 * for_version_ < now - stalled_until_;
}

bool ClientWaits::most_of(const Mark& part, Duration at_least, MonoTime now) const {
  const Duration waited = total(now) - part.waited;
  return waited >= at_least && 2 * waited >= now - part.at;
}

}  // namespace canary::call

// How long a call waits, for whom, and what it says when it was too long.
#include <algorithm>

#include "call/call.hpp"
#include "call/classify.hpp"

namespace canary::call {
namespace {

using stats::Outcome;

}  // namespace

MonoTime Call::reply_deadline() const {
  const auto& timeouts = model_->settings.timeouts;
  MonoTime deadline = progress_at_ + timeouts.idle;
  if (!uploading())
    deadline = sent_at_ + timeouts.first_byte;
  else if (waits_for_client())
    deadline = std::min(progress_at_ + table_->timeouts.body_idle, pace_.due(pace_rule()));
  return std::min(deadline, total_deadline());
}

Call::Reply Call::reply_expired(MonoTime now) {
  const bool client_late = uploading() && waits_for_client();
  if (client_late && now < progress_at_ + table_->timeouts.body_idle && now < total_deadline())
    return refuse(408, "body_too_slow",
                  "the request body came more slowly than limits.min_rate allows",
                  Outcome::client_abort);
  if (client_late)
    return refuse(408, "body_idle_timeout", "no request bytes came for timeouts.body_idle",
                  Outcome::client_abort);
  if (now >= total_deadline())
    return refuse(504, "upstream_total_timeout",
                  "the model server did not finish within timeouts.total", total_outcome(now));
  if (!uploading())
    return refuse(504, "upstream_first_byte_timeout",
                  "the model server did not answer within timeouts.first_byte",
                  Outcome::timeout_first_byte);
  return refuse(504, "upstream_idle_timeout",
                "the model server took no request bytes for timeouts.idle", Outcome::timeout_idle);
}

// Until an event stream's first event, silence may last as long as the first byte of an answer may:
// servers send the head at once and then read a long prompt.
MonoTime Call::stalled_at() const {
  const auto& timeouts = model_->settings.timeouts;
  const MonoTime idle = progress_at_ + timeouts.idle;
  if (holdup_ != Holdup::version) {
    const ClientPace::Rule rule = pace_rule();
    return std::min(progress_at_ + rule.patience, pace_.due(rule));
  }
  return awaits_event_ ? std::max(idle, sent_at_ + timeouts.first_byte) : idle;
}

// Where both sides are silent, the client may be waiting for more of the answer.
ClientPace::Rule Call::pace_rule() const {
  const Duration body_idle = table_->timeouts.body_idle;
  const Duration patience =
      holdup_ == Holdup::both ? std::max(body_idle, model_->settings.timeouts.idle) : body_idle;
  return {table_->limits.min_rate, patience};
}

// What it has sent of its body, and what its kernel has taken of the answer.
std::uint64_t Call::client_bytes() const { return received() + client_.arrived(); }

// At a deadline while the client is waited for: whether it goes on.
bool Call::client_keeps_up(MonoTime now) {
  const ClientPace::Rule rule = pace_rule();
  const std::uint64_t bytes = client_bytes();
  // A reader may go on for long before the kernel has room for more, and says so.
  if (pace_.moved(bytes) && down_) progress_at_ = now;
  return now < progress_at_ + rule.patience && now < total_deadline() &&
         pace_.keeps_up(rule, now, bytes);
}

MonoTime Call::total_deadline() const {
  const Duration total = model_->settings.timeouts.total;
  return total.count() > 0 ? record_.start() + total : MonoTime::max();
}

Outcome Call::total_outcome(MonoTime now) const {
  return classify::out_of_time(record_.client_took_most(now));
}

}  // namespace canary::call

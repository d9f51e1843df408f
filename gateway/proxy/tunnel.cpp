#include "proxy/tunnel.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "proxy/worker.hpp"

namespace canary::proxy {
namespace {

using stats::Outcome;

// Everything up to the sender's end, as it comes.
const http::BodyReader raw(http::Framing::until_close, 0);

}  // namespace

Tunnel::Tunnel(Session& session, reactor::Socket& upstream, Duration idle, MonoTime total)
    : session_(session),
      up_{Relay(session.client(), session.in(), raw, upstream, false, Relay::no_limit), upstream},
      down_{Relay(upstream, session.reply(), raw, session.client(), false, Relay::no_limit),
            session.client()},
      idle_(idle),
      total_(total),
      progress_at_(session.worker().reactor().now()) {}

reactor::Task<Tunnel::End> Tunnel::run() {
  for (;;) {
    if (!step_both()) co_return End{.outcome = broken_};
    if (up_.ended && down_.ended) {
      const Outcome outcome = down_.refused ? Outcome::client_abort : Outcome::ok;
      co_return End{.outcome = outcome, .orderly = true};
    }
    const MonoTime deadline = std::min(progress_at_ + idle_, total_);
    const bool turn_is_over = up_.gave_way || down_.gave_way;
    auto pause = turn_is_over ? session_.give_way(deadline) : session_.wake(deadline);
    const Woken woken = co_await pause;
    if (woken == Woken::shutdown) co_return End{.outcome = Outcome::gateway_error};
    if (woken == Woken::expired) co_return expired(session_.worker().reactor().now());
  }
}

// Down first: what the upstream still said is read before a broken connection to it shows.
bool Tunnel::step_both() {
  const std::uint64_t before = up_.relay.bytes_moved() + down_.relay.bytes_moved();
  const bool whole = step(down_, Outcome::truncated, Outcome::client_abort) &&
                     step(up_, Outcome::client_abort, Outcome::truncated);
  if (up_.relay.bytes_moved() + down_.relay.bytes_moved() != before)
    progress_at_ = session_.worker().reactor().now();
  return whole;
}

bool Tunnel::step(Direction& direction, Outcome source, Outcome sink) {
  if (direction.ended) return true;
  const Relay::Progress progress = direction.relay.step();
  direction.blocked = progress == Relay::Progress::want_output;
  direction.gave_way = progress == Relay::Progress::gave_way;
  switch (progress) {
    case Relay::Progress::want_input:
    case Relay::Progress::want_output:
    case Relay::Progress::gave_way:
      return true;
    case Relay::Progress::done:
      direction.ended = true;
      ::shutdown(direction.to.fd(), SHUT_WR);
      return true;
    case Relay::Progress::sink_failed:
      // EPIPE: it ended its own bytes first, in order, and wants no more of ours. What it said last
      // is still on its way through the other direction.
      direction.ended = direction.refused = direction.relay.error() == EPIPE;
      broken_ = sink;
      return direction.ended;
    case Relay::Progress::source_ended:
    case Relay::Progress::source_failed:
    case Relay::Progress::bad_framing:
    case Relay::Progress::too_large:
      broken_ = source;
      return false;
  }
  return false;
}

// An upstream that takes no bytes is at fault, and so is a client; that nobody has anything to say,
// or more than there is time for, is nobody's.
Tunnel::End Tunnel::expired(MonoTime now) const {
  if (now >= total_) return {.outcome = Outcome::timeout_total, .by_limit = true};
  if (down_.blocked) return {.outcome = Outcome::client_abort};
  return {.outcome = Outcome::timeout_idle, .by_limit = !up_.blocked};
}

}  // namespace canary::proxy

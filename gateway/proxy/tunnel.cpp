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

Tunnel::Tunnel(Session& session, ExchangeRecord& record, reactor::Socket& upstream, Duration idle,
               MonoTime total)
    : session_(session),
      record_(record),
      up_{.relay = Relay(session.client(), session.in(), raw, upstream, false, Relay::no_limit),
          .to = upstream},
      down_{
          .relay = Relay(upstream, session.reply(), raw, session.client(), false, Relay::no_limit),
          .to = session.client()},
      idle_(idle),
      total_(total),
      progress_at_(session.worker().reactor().now()) {}

void Tunnel::watch_close() {
  up_.relay.watch(up_.close);
  down_.relay.watch(down_.close);
}

reactor::Task<Tunnel::End> Tunnel::run() {
  for (;;) {
    if (!step_both()) co_return broken(session_.worker().reactor().now());
    if (up_.ended && down_.ended) {
      const Outcome outcome = down_.refused ? Outcome::client_abort : Outcome::ok;
      co_return End{.outcome = outcome, .orderly = true};
    }
    const MonoTime parked = session_.worker().reactor().now();
    const MonoTime deadline = std::min(progress_at_ + idle_, total_);
    const bool turn_is_over = up_.gave_way || down_.gave_way;
    auto pause = turn_is_over ? session_.give_way(deadline) : session_.wake(deadline);
    const Woken woken = co_await pause;
    if (woken == Woken::shutdown) co_return End{.outcome = Outcome::gateway_error};
    const MonoTime now = session_.worker().reactor().now();
    if (woken == Woken::expired) co_return expired(now);
    if (!turn_is_over && !down_.blocked) record_.version_waited_for(parked, now);
  }
}

// Down first: what the upstream still said is read before a broken connection to it shows.
bool Tunnel::step_both() {
  const std::uint64_t up = up_.relay.bytes_moved(), down = down_.relay.bytes_moved();
  const bool whole = step(down_, Outcome::truncated, Outcome::client_abort) &&
                     step(up_, Outcome::client_abort, Outcome::truncated);
  const bool up_moved = up_.relay.bytes_moved() != up;
  const bool down_moved = down_.relay.bytes_moved() != down;
  const MonoTime now = session_.worker().reactor().now();
  if (up_moved || down_moved) {
    clients_turn_ = !up_moved;
    progress_at_ = now;
  }
  if (down_moved) record_.client_moved(now);
  if (whole) record_.client_blocks(down_.blocked, now);
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
    case Relay::Progress::sink_failed: {
      // EPIPE: it ended its own bytes first, in order, and wants no more of ours. What it said last
      // is still on its way through the other direction. An upstream whose end has been read may
      // also say so with a reset.
      const bool had_ended = &direction == &up_ && down_.ended;
      direction.ended = direction.refused = direction.relay.error() == EPIPE || had_ended;
      broken_ = sink;
      return direction.ended;
    }
    case Relay::Progress::source_ended:
    case Relay::Progress::source_failed:
    case Relay::Progress::bad_framing:
    case Relay::Progress::too_large:
      broken_ = source;
      return false;
  }
  return false;
}

// A reset by the upstream is its fault, unless it had reason to end: the Close frames of a
// WebSocket have passed, or the client ended its side, took nothing, or had been silent when it was
// its turn.
Tunnel::End Tunnel::broken(MonoTime now) const {
  if (broken_ != Outcome::truncated) return {.outcome = broken_};
  if (up_.close.seen() && down_.close.seen()) return {.outcome = Outcome::ok, .orderly = true};
  if (up_.close.seen() || down_.close.seen())
    return {.outcome = Outcome::client_abort, .orderly = true};
  const bool silent = clients_turn_ && now - progress_at_ >= ClientWaits::patience;
  const bool by_client = up_.ended || silent || record_.client_caused_end(now);
  if (by_client) return {.outcome = Outcome::client_abort};
  const bool by_us = session_.worker().kept_waiting(record_.dispatched_at());
  return {.outcome = by_us ? Outcome::gateway_error : Outcome::truncated};
}

// An upstream that takes no bytes is at fault, and so is a client; that nobody has anything to say,
// or more than there is time for, is nobody's.
Tunnel::End Tunnel::expired(MonoTime now) const {
  if (now >= total_) return {.outcome = Outcome::timeout_total, .by_limit = true};
  if (down_.blocked) return {.outcome = Outcome::client_abort};
  return {.outcome = Outcome::timeout_idle, .by_limit = !up_.blocked};
}

}  // namespace canary::proxy

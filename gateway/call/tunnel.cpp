#include "call/tunnel.hpp"

#include <algorithm>
#include <cerrno>

namespace canary::call {
namespace {

using stats::Outcome;

}  // namespace

Tunnel::Tunnel(const Context& context, ClientStream& client, CallRecord& record, Transfer& up,
               Transfer& down, Limits limits)
    : context_(context),
      client_(client),
      record_(record),
      up_{.way = up},
      down_{.way = down},
      limits_(limits),
      progress_at_(context.now()) {}

void Tunnel::watch_close() {
  up_.way.watch(up_.close);
  down_.way.watch(down_.close);
}

reactor::Task<Tunnel::End> Tunnel::run() {
  for (;;) {
    if (!step_both()) co_return broken(context_.now());
    if (up_.ended && down_.ended) {
      const Outcome outcome = down_.refused ? Outcome::client_abort : Outcome::ok;
      co_return End{.outcome = outcome, .orderly = true};
    }
    const MonoTime parked = context_.now();
    const MonoTime deadline = std::min(progress_at_ + limits_.idle, limits_.total);
    const bool turn_is_over = up_.gave_way || down_.gave_way;
    auto pause = turn_is_over ? client_.give_way(deadline) : client_.wake(deadline);
    const Woken woken = co_await pause;
    if (woken == Woken::shutdown) co_return End{.outcome = Outcome::gateway_error};
    const MonoTime now = context_.now();
    if (woken == Woken::expired) co_return expired(now);
    if (!turn_is_over && !down_.blocked) record_.version_waited_for(parked, now);
  }
}

// Down first: what the upstream still said is read before a broken connection to it shows.
bool Tunnel::step_both() {
  const std::uint64_t up = up_.way.bytes_moved(), down = down_.way.bytes_moved();
  const bool whole = step(down_, Outcome::truncated, Outcome::client_abort) &&
                     step(up_, Outcome::client_abort, Outcome::truncated);
  const bool up_moved = up_.way.bytes_moved() != up;
  const bool down_moved = down_.way.bytes_moved() != down;
  const MonoTime now = context_.now();
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
  const Transfer::Progress progress = direction.way.step();
  direction.blocked = progress == Transfer::Progress::want_output;
  direction.gave_way = progress == Transfer::Progress::gave_way;
  switch (progress) {
    case Transfer::Progress::want_input:
    case Transfer::Progress::want_output:
    case Transfer::Progress::gave_way:
      return true;
    case Transfer::Progress::done:
      direction.ended = true;
      direction.way.pass_on_end();
      return true;
    case Transfer::Progress::sink_failed: {
      // EPIPE: it ended its own bytes first, in order, and wants no more of ours. What it said last
      // is still on its way through the other direction. An upstream whose end has been read may
      // also say so with a reset.
      const bool had_ended = &direction == &up_ && down_.ended;
      direction.ended = direction.refused = direction.way.error() == EPIPE || had_ended;
      broken_ = sink;
      return direction.ended;
    }
    case Transfer::Progress::source_ended:
    case Transfer::Progress::source_failed:
    case Transfer::Progress::bad_framing:
    case Transfer::Progress::too_large:
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
  if (up_.closed() && down_.closed()) return {.outcome = Outcome::ok, .orderly = true};
  if (up_.closed() || down_.closed()) return {.outcome = Outcome::client_abort, .orderly = true};
  const bool silent = clients_turn_ && now - progress_at_ >= ClientWaits::patience;
  const bool by_client = up_.ended || silent || record_.client_caused_end(now);
  if (by_client) return {.outcome = Outcome::client_abort};
  const bool by_us = context_.kept_waiting(record_.dispatched_at());
  return {.outcome = by_us ? Outcome::gateway_error : Outcome::truncated};
}

// An upstream that takes no bytes is at fault, and so is a client; that nobody has anything to say,
// or more than there is time for, is nobody's.
Tunnel::End Tunnel::expired(MonoTime now) const {
  if (now >= limits_.total) return {.outcome = Outcome::timeout_total, .by_limit = true};
  if (down_.blocked) return {.outcome = Outcome::client_abort};
  return {.outcome = Outcome::timeout_idle, .by_limit = !up_.blocked};
}

}  // namespace canary::call

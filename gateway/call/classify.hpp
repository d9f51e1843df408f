// What counts as whose failure, in one place: what a request may say of its version, what its
// answer's head says, and how it ended. Pure: what has been seen is an argument. What an outcome
// means for a rollout is stats' and analysis' business; which codes count besides is the file's
// (errors.also).
#pragma once

#include <cerrno>

#include "call/streams.hpp"
#include "http/request_head.hpp"
#include "http/response_head.hpp"
#include "stats/cells.hpp"
#include "stats/outcome.hpp"
#include "traffic/routing_table.hpp"

namespace canary::call::classify {

using stats::Outcome;

/// Whether what becomes of a request says something of the version. Not where its client chose the
/// version; and what does not ask the model costs nothing to answer, and would make a broken
/// version look better.
inline bool request(const http::RequestHead& head, bool clients_choice) {
  return !clients_choice && !head.is_head && head.method != "OPTIONS" && head.method != "TRACE";
}

/// No endpoint could be connected to: `error` is the last one's errno. `unresolved`: it has no
/// address, and not for long: resolvers start late and lose packets, which is not the version's
/// yet.
inline Outcome unreachable(int error, bool unresolved) {
  if (unresolved) return Outcome::gateway_error;
  if (error == ETIMEDOUT) return Outcome::timeout_connect;
  return error == EPROTO ? Outcome::bad_output : Outcome::connect_error;
}

/// A final head has come. If the rest comes as well, this is the outcome.
inline Outcome head(const http::ResponseHead& head) {
  if (head.status < 400) return Outcome::ok;
  if (head.status == 429 || (head.status == 503 && head.retry_after)) return Outcome::overload;
  return head.status >= 500 ? Outcome::server_error : Outcome::client_error;
}

/// Whether this counts as an error of the version. `status`: of its answer; 0: there was none.
inline bool is_error(Outcome outcome, std::uint16_t status, const traffic::Model& model) {
  return stats::is_version_error(outcome) || (status != 0 && model.error_code(status));
}

/// Whether it was answered, so that its time is a latency. How long a tunnel stays open is its
/// users' choice.
inline bool is_answered(Outcome outcome, std::uint16_t status) {
  return outcome <= Outcome::server_error && status != 101;
}

/// The version ended it. Whoever kept it waiting is who ended it: its client, or the gateway
/// itself, in a pause of its process.
inline Outcome ended_by_version(Outcome seen, bool clients_doing, bool ours) {
  if (clients_doing) return Outcome::client_abort;
  return ours ? Outcome::gateway_error : seen;
}

/// A stream ended before its answer. `race`: it had served another request and has said nothing,
/// as a server does that gives up an idle one; that is believed if nothing had been taken, and
/// otherwise now and then (docs/decisions/0015-keep-alive-races-are-rare.md).
inline Outcome unanswered(Outcome seen, bool race, UpstreamStream::Fate fate,
                          stats::RaceAllowance& races) {
  if (!race || !stats::is_version_error(seen)) return seen;
  const bool believed = fate == UpstreamStream::Fate::untouched || races.take();
  return believed ? Outcome::gateway_error : seen;
}

/// An answer broke off behind its head, which was `head`. A client that leaves in the middle of a
/// failure does not undo it.
inline Outcome broke_off(Outcome seen, Outcome head) {
  return seen == Outcome::client_abort && head != Outcome::ok ? head : seen;
}

/// Nothing came for too long in the middle of an answer.
inline Outcome silence(bool clients_turn, bool before_content) {
  if (clients_turn) return Outcome::client_abort;
  return before_content ? Outcome::timeout_first_byte : Outcome::timeout_idle;
}

/// timeouts.total has passed. A client that has used up the time itself left the version none.
inline Outcome out_of_time(bool client_took_most) {
  return client_took_most ? Outcome::client_abort : Outcome::timeout_total;
}

}  // namespace canary::call::classify

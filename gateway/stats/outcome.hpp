// One outcome per request. The last two never count against a version, and a 4xx only where the
// file says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace canary::stats {

enum class Outcome : std::uint8_t {
  ok,
  client_error,   // 4xx from the upstream
  overload,       // 429, or 503 with Retry-After
  server_error,   // 5xx
  connect_error,  // refused, unreachable, no endpoint, reset during connect
  reset,          // the connection broke before the response head was complete
  truncated,      // the response body ended early or its framing was broken
  timeout_connect,
  timeout_first_byte,
  timeout_idle,
  timeout_total,
  inband_error,   // an error object inside a 200 or an event stream; set by rehearsals alone
  bad_output,     // not a sound HTTP response
  client_abort,   // the client went away, stalled, or broke its own request
  gateway_error,  // our own fault or refusal
};
inline constexpr std::size_t outcome_count = 15;

std::string_view name(Outcome outcome);

/// Whether the outcome counts as an error of the version that was picked.
bool is_version_error(Outcome outcome);
/// Whether the outcome, where it is no error, says anything about the version at all. A 4xx does
/// not: whoever can ask for what there is not would thin out the errors of a broken version.
bool is_evidence(Outcome outcome);

}  // namespace canary::stats

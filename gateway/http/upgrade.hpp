// The Upgrade field: what a client offers to switch to, and what a 101 switched to (RFC 9110, 7.8).
// Pure. Protocols that are HTTP again, h2c before all, are never offered to an upstream: inside
// such a tunnel requests would pass that nobody here has seen.
#pragma once

#include "base/text_buffer.hpp"
#include "http/request_head.hpp"
#include "http/response_head.hpp"

namespace canary::http {

/// What a request offers and an upstream may be told of: the value of its one Upgrade field. Empty
/// when there is none, or it must not pass: not listed in Connection, in HTTP/1.0, in a request
/// with content, in more than one line, malformed, or nothing but HTTP again. To ignore Upgrade is
/// always allowed; the request is then an ordinary one.
std::string_view offered_upgrade(const RequestHead& request);

/// Appends the protocols of such a value that may pass, as `a, b/2`.
void append_protocols(base::TextBuffer& out, std::string_view offered);

/// The protocol that a 101 switches to. Empty when it is not exactly one of those offered, or not
/// said in Connection as well: then the response is not one to act on.
std::string_view switched_protocol(const ResponseHead& response, std::string_view offered);

}  // namespace canary::http

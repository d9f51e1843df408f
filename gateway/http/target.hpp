// The request target and the authority it is meant for (RFC 9112, 3.2).
#pragma once

#include <string_view>

#include "http/message.hpp"

namespace canary::http {

/// `host[:port]`.
struct Authority {
  std::string_view host;  // an IPv6 address in its brackets
  std::string_view port;  // digits; empty: none
};

struct Target {
  std::string_view path;       // begins with '/', or is "*" (OPTIONS)
  std::string_view query;      // behind '?'; data() is null without one
  std::string_view authority;  // of an absolute-form target only
  std::string_view port;       // the authority's; empty: none
};

/// `target` is of target characters alone (scan.hpp): visible ASCII, no fragment. Accepts
/// origin-form, absolute-form with http, and `*` for OPTIONS; visible ASCII, no fragment. CONNECT
/// is not implemented: the gateway is no tunnel.
Refusal split_target(std::string_view method, std::string_view target, Target& out);

/// `host[:port]`. The host: a name of letters, digits and `-._~` without empty labels (`.`,
/// `a..b`), an IPv4 address, or an IPv6 address in brackets. The port: 0, one as in base/port.hpp,
/// or nothing. RFC 3986 would also allow sub-delims and percent-encoding; no real host has them,
/// and `a,b` would read as two hosts behind us. False: it is none of these.
bool split_authority(std::string_view text, Authority& out);

}  // namespace canary::http

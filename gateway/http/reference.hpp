// Absolute references, as a Location has them (RFC 9110, 10.2.2; RFC 3986, 4.2 and 4.3). Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace canary::http {

/// `http://host:port/rest`, https likewise, or `//host:port/rest`.
struct Reference {
  std::string_view scheme;  // "http" or "https" in any case; empty: the request's own
  std::string_view host;    // an IPv6 address in its brackets; user information is left out
  std::uint16_t port = 0;   // 0: none
  std::string_view rest;    // path, query and fragment; may be empty
};

/// False: it is relative, of another scheme, its authority is not a plain one (see
/// target.hpp), or there are spaces in it.
bool split_reference(std::string_view text, Reference& out);

}  // namespace canary::http

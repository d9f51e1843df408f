// The host of a URL or of a Host field, as the file writes it: a DNS name (RFC 1123, and '_' as in
// Docker Compose), an IPv4 address, or an IPv6 address in brackets. A dot at a name's end makes it
// absolute: the resolver then leaves its search list aside. Pure: no name is resolved here.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace canary::config {

inline constexpr std::string_view host_rule = "a host name or address without port";

/// What is wrong with the host `text`, and what to write instead; empty when it is one.
std::string host_problem(std::string_view text);

/// A host that is compared with Host fields: in lower case, a name without its final dot. The error
/// is what was expected.
base::Result<std::string> parse_host(std::string_view text);

/// A host and perhaps a port, as in a Host header; a name without its final dot.
inline constexpr std::string_view authority_rule = "a host name or address, or host:port";
base::Result<std::string> parse_authority(std::string_view text);

}  // namespace canary::config

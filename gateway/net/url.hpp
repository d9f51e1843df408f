// The one form of address the small client takes: http[s]://host[:port][/path][?query].
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace canary::net {

struct Url {
  bool tls = false;
  std::string host;         // without brackets; an absolute name with its final dot
  std::string port = "80";  // 443 with https
  std::string authority;    // for the Host header: as in the URL, without the final dot
  std::string target = "/";
};

/// No user information, no fragment, no control characters or spaces. The error does not repeat the
/// text: paths, queries and user information are secrets.
base::Result<Url> parse_url(std::string_view text);

}  // namespace canary::net

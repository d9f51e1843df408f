// The one form of address the small client takes: http[s]://host[:port][/path][?query].
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace canary::net {

struct Url {
  bool tls = false;
  std::string host;         // without brackets
  std::string port = "80";  // 443 with https
  std::string authority;    // as it stands in the URL, for the Host header
  std::string target = "/";
};

/// No user information, no fragment, no control characters or spaces.
base::Result<Url> parse_url(std::string_view text);

}  // namespace canary::net

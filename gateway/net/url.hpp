// The one form of address the small client takes: http://host[:port][/path][?query].
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace canary::net {

struct Url {
  std::string host;  // without brackets
  std::string port = "80";
  std::string authority;  // as it stands in the URL, for the Host header
  std::string target = "/";
};

/// No user information, no fragment, no https, no control characters or spaces.
base::Result<Url> parse_url(std::string_view text);

}  // namespace canary::net

// Paths compared with percent-encoding undone: nothing is copied.
#pragma once

#include <string_view>

#include "base/percent.hpp"

namespace canary::traffic {

/// Moves `path` behind `begin` if it begins so, whatever either encodes (RFC 3986, 6.2.2.2). An
/// encoded `/` or `:` is a character of a name: it separates nothing, and equals no bare one.
constexpr bool take_decoded(std::string_view& path, std::string_view begin) {
  std::string_view rest = path;
  while (!begin.empty()) {
    if (rest.empty()) return false;
    const base::PercentChar wanted = base::decode_first(begin), found = base::decode_first(rest);
    if (wanted.value != found.value) return false;
    const bool separates = wanted.value == '/' || wanted.value == ':';
    if (separates && wanted.length != found.length) return false;
    begin.remove_prefix(wanted.length);
    rest.remove_prefix(found.length);
  }
  path = rest;
  return true;
}

}  // namespace canary::traffic

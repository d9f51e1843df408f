// The port of an address, a URL or a Host field. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace canary::base {

/// A port 1..65535 in decimal digits; 0: it is none. No zero stands in front: RFC 3986, 3.2.3,
/// would allow it, but then one host has many spellings, and not every server reads them alike.
constexpr std::uint16_t parse_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || text.front() == '0') return 0;
  std::uint32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return 0;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return value <= 65535 ? static_cast<std::uint16_t>(value) : std::uint16_t{0};
}

}  // namespace canary::base

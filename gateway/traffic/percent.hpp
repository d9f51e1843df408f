// Percent-encoding (RFC 3986, 2.1), read one character at a time: nothing is copied.
#pragma once

#include <cstddef>
#include <string_view>

namespace canary::traffic {

struct PercentChar {
  char value = 0;
  std::size_t length = 0;  // in the text: 3 for a code, else 1
};

constexpr int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char folded = static_cast<char>(c | 0x20);
  return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

/// The first character of `text`, which is not empty. A `%` that begins no code is itself.
constexpr PercentChar decode_first(std::string_view text) {
  if (text.front() != '%' || text.size() < 3) return {text.front(), 1};
  const int high = hex_digit(text[1]), low = hex_digit(text[2]);
  if (high < 0 || low < 0) return {text.front(), 1};
  return {static_cast<char>(high * 16 + low), 3};
}

/// Moves `path` behind `begin` if it begins so, whatever either encodes (RFC 3986, 6.2.2.2). An
/// encoded `/` or `:` is a character of a name: it separates nothing, and equals no bare one.
constexpr bool take_decoded(std::string_view& path, std::string_view begin) {
  std::string_view rest = path;
  while (!begin.empty()) {
    if (rest.empty()) return false;
    const PercentChar wanted = decode_first(begin), found = decode_first(rest);
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

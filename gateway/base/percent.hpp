// Percent-encoding (RFC 3986, 2.1), read one character at a time: nothing is copied. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace canary::base {

/// The value of a hexadecimal digit in either case, or -1.
constexpr int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char folded = static_cast<char>(c | 0x20);
  return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

struct PercentChar {
  char value = 0;
  std::size_t length = 0;  // in the text: 3 for a code, else 1

  constexpr bool is_code() const { return length == 3; }
};

/// The first character of `text`, which is not empty. A `%` that begins no code is itself.
constexpr PercentChar decode_first(std::string_view text) {
  if (text.front() != '%' || text.size() < 3) return {text.front(), 1};
  const int high = hex_digit(text[1]), low = hex_digit(text[2]);
  if (high < 0 || low < 0) return {text.front(), 1};
  return {static_cast<char>(high * 16 + low), 3};
}

}  // namespace canary::base

// Character classes and numbers of RFC 9110 and 9112.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace canary::http {

namespace detail {
constexpr std::array<bool, 256> make_tchars() {
  std::array<bool, 256> table{};
  for (char c = '0'; c <= '9'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}
inline constexpr std::array<bool, 256> tchars = make_tchars();

constexpr std::array<bool, 256> make_target_chars() {
  std::array<bool, 256> table{};
  for (std::size_t c = 0x21; c < 0x7f; ++c) table[c] = c != '#';
  return table;
}
inline constexpr std::array<bool, 256> target_chars = make_target_chars();

constexpr std::array<bool, 256> make_host_chars() {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < table.size(); ++c) table[c] = tchars[c];
  for (const char c : std::string_view("!#$%&'*+^`|")) table[static_cast<unsigned char>(c)] = false;
  return table;
}
inline constexpr std::array<bool, 256> host_chars = make_host_chars();
}  // namespace detail

/// A character of a token (RFC 9110, 5.6.2).
constexpr bool is_tchar(char c) { return detail::tchars[static_cast<unsigned char>(c)]; }

/// Visible ASCII without `#`: what may stand in a request target.
constexpr bool is_target_char(char c) {
  return detail::target_chars[static_cast<unsigned char>(c)];
}

/// A letter, a digit, or one of `-._~`: RFC 3986's unreserved characters.
constexpr bool is_host_char(char c) { return detail::host_chars[static_cast<unsigned char>(c)]; }

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// HTAB, SP, VCHAR or obs-text: what may stand in a field's value.
constexpr bool is_field_char(char c) {
  return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

constexpr bool is_token(std::string_view text) {
  for (const char c : text)
    if (!is_tchar(c)) return false;
  return !text.empty();
}

/// The largest body length that is taken seriously: sums of two stay within 64 bits.
inline constexpr std::uint64_t max_length = INT64_MAX;

/// 1*DIGIT, at most max_length. False: anything else.
constexpr bool parse_length(std::string_view text, std::uint64_t& length) {
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c) || value > max_length / 10) return false;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
    if (value > max_length) return false;
  }
  length = value;
  return !text.empty();
}

}  // namespace canary::http

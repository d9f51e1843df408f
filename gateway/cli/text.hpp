// Small parts of the command line's text: reading the gateway's JSON, numbers, ages, colours.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace canary::cli {

/// The value at keys a, b, ... below `value`; null when there is none.
template <class... Keys>
const boost::json::value& at(const boost::json::value& value, Keys... keys) {
  static const boost::json::value none;
  const boost::json::value* here = &value;
  for (const std::string_view key : {std::string_view(keys)...}) {
    const auto* object = here->if_object();
    here = object ? object->if_contains({key.data(), key.size()}) : nullptr;
    if (!here) return none;
  }
  return *here;
}

/// A text as a terminal may show it, on one line (base/printable); empty for no text.
std::string text(const boost::json::value& value);
/// As text(), with its lines.
std::string lines(const boost::json::value& value);
double number(const boost::json::value& value);
bool truth(const boost::json::value& value, bool fallback = false);
/// `12.5%`, from a number of per cent; `?` for no number.
std::string percent(const boost::json::value& value);

/// `2026-11-23 06:40:02Z (3 min ago)` from the gateway's RFC 3339; `never` for no time.
std::string when(const boost::json::value& time, base::WallTime now);
/// `42 s`, `12 min`, `3 h 5 min`, `2 d 4 h`.
std::string age(base::Duration duration);

/// Pads to `width` columns (counting characters, not bytes).
std::string left(std::string text, std::size_t width);
std::string right(std::string text, std::size_t width);

enum class Colour { none, bold, dim, red, green, yellow };
std::string paint(bool enabled, Colour colour, std::string_view text);

}  // namespace canary::cli

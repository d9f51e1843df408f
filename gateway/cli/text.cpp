#include "cli/text.hpp"

#include <cstdio>

#include "base/printable.hpp"
#include "base/units.hpp"

namespace canary::cli {
namespace {

std::size_t columns(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

bool parse_time(const std::string& text, base::WallTime& time) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d", &year, &month, &day, &hour, &minute,
                  &second) != 6)
    return false;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return false;
  time = std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
  return true;
}

}  // namespace

std::string text(const boost::json::value& value) {
  const auto* found = value.if_string();
  return found ? base::printable({found->data(), found->size()}) : std::string();
}

std::string lines(const boost::json::value& value) {
  const auto* found = value.if_string();
  return found ? base::printable_lines({found->data(), found->size()}) : std::string();
}

double number(const boost::json::value& value) {
  return value.is_number() ? value.to_number<double>() : 0;
}

bool truth(const boost::json::value& value, bool fallback) {
  const bool* found = value.if_bool();
  return found ? *found : fallback;
}

std::string percent(const boost::json::value& value) {
  return value.is_number() ? base::format_number(number(value)) + "%" : "?";
}

std::string when(const boost::json::value& time, base::WallTime now) {
  std::string shown = text(time);
  base::WallTime then;
  if (!parse_time(shown, then)) return shown.empty() ? "never" : shown;
  shown = shown.substr(0, 10) + " " + shown.substr(11, 8) + "Z";
  if (then > now) return shown;
  return shown + " (" + age(now - then) + " ago)";
}

std::string age(base::Duration duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  const auto two = [](std::int64_t big, const char* big_unit, std::int64_t small,
                      const char* small_unit) {
    std::string out = std::to_string(big) + " " + big_unit;
    if (small > 0) out += " " + std::to_string(small) + " " + small_unit;
    return out;
  };
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (seconds < 3600) return std::to_string(seconds / 60) + " min";
  if (seconds < 86400) return two(seconds / 3600, "h", seconds % 3600 / 60, "min");
  return two(seconds / 86400, "d", seconds % 86400 / 3600, "h");
}

std::string left(std::string text, std::size_t width) {
  const auto have = columns(text);
  return have < width ? text + std::string(width - have, ' ') : text;
}

std::string right(std::string text, std::size_t width) {
  const auto have = columns(text);
  return have < width ? std::string(width - have, ' ') + text : text;
}

std::string paint(bool enabled, Colour colour, std::string_view text) {
  if (!enabled || colour == Colour::none) return std::string(text);
  const char* code = "";
  switch (colour) {
    case Colour::none:
      break;
    case Colour::bold:
      code = "1";
      break;
    case Colour::dim:
      code = "2";
      break;
    case Colour::red:
      code = "1;31";
      break;
    case Colour::green:
      code = "32";
      break;
    case Colour::yellow:
      code = "33";
      break;
  }
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

}  // namespace canary::cli

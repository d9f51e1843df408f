#include "base/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

namespace canary::base {
namespace {

struct DurationUnit {
  std::string_view name;
  std::int64_t nanoseconds;
};
// Longest first, for the formatter.
constexpr std::array<DurationUnit, 5> duration_units{{{"d", 86'400'000'000'000},
                                                      {"h", 3'600'000'000'000},
                                                      {"m", 60'000'000'000},
                                                      {"s", 1'000'000'000},
                                                      {"ms", 1'000'000}}};

struct SizeUnit {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::array<SizeUnit, 4> size_units{
    {{"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"", 1}}};

// The text itself is not repeated: it may be a secret in the wrong place.
Error unreadable(std::string_view what, std::string_view examples) {
  return Error("not " + std::string(what) + " (expected " + std::string(examples) + ")");
}

std::string trim_zeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const Error error = unreadable("a duration", "a number and a unit, such as 500ms, 30s, 15m, 7d");
  std::string_view rest = text;
  std::int64_t total = 0;
  std::int64_t previous_unit = std::numeric_limits<std::int64_t>::max();
  if (rest.empty()) return error;
  while (!rest.empty()) {
    std::int64_t count = 0;
    auto [end, ec] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    if (ec != std::errc() || rest.front() == '-') return error;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const std::string_view name = rest.substr(0, rest.find_first_of("0123456789"));
    const DurationUnit* unit = nullptr;
    for (const auto& candidate : duration_units)
      if (candidate.name == name) unit = &candidate;
    if (!unit || unit->nanoseconds >= previous_unit) return error;
    previous_unit = unit->nanoseconds;
    if (count > (std::numeric_limits<std::int64_t>::max() - total) / unit->nanoseconds)
      return Error("too long a duration");
    total += count * unit->nanoseconds;
    rest.remove_prefix(name.size());
  }
  return Duration(total);
}

std::string format_duration(Duration duration) {
  if (duration.count() == 0) return "0s";
  for (const auto& unit : duration_units)
    if (duration.count() % unit.nanoseconds == 0)
      return std::to_string(duration.count() / unit.nanoseconds) + std::string(unit.name);
  return format_number(static_cast<double>(duration.count()) / 1e6) + "ms";
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const Error error = unreadable("a size", "bytes or a binary unit, such as 512, 64KiB, 1GiB");
  std::uint64_t count = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (ec != std::errc()) return error;
  const std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const auto& unit : size_units) {
    if (unit.name != name) continue;
    if (count > std::numeric_limits<std::uint64_t>::max() / unit.bytes)
      return Error("too large a size");
    return count * unit.bytes;
  }
  return error;
}

std::string format_size(std::uint64_t bytes) {
  for (const auto& unit : size_units)
    if (bytes != 0 && bytes % unit.bytes == 0)
      return std::to_string(bytes / unit.bytes) + std::string(unit.name);
  return "0";
}

Result<double> parse_percent(std::string_view text) {
  const Error error = unreadable("a percentage", "a number of per cent, such as 10, 0.5 or 0.5%");
  std::string_view number = text;
  if (number.ends_with('%')) number.remove_suffix(1);
  double value = 0;
  auto [end, ec] = std::from_chars(number.data(), number.data() + number.size(), value,
                                   std::chars_format::fixed);
  if (ec != std::errc() || end != number.data() + number.size()) return error;
  if (!std::isfinite(value) || std::signbit(value)) return error;
  return value;
}

Result<BasisPoints> to_basis_points(double percent) {
  const double scaled = percent * 100;
  if (!std::isfinite(percent) || percent < 0 || percent > 100)
    return Error("outside 0..100: " + format_number(percent));
  const double rounded = std::round(scaled);
  if (std::abs(scaled - rounded) > 1e-6)
    return Error("finer than 0.01 per cent: " + format_number(percent, 8));
  return static_cast<BasisPoints>(rounded);
}

std::string format_percent(BasisPoints weight) {
  char text[16];
  std::snprintf(text, sizeof text, "%d.%02d", weight / 100, weight % 100);
  return trim_zeros(text);
}

std::string format_number(double value, int digits) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (value == 0) return "0";
  const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value))));
  const int decimals = std::max(0, digits - 1 - magnitude);
  char text[400];
  std::snprintf(text, sizeof text, "%.*f", std::min(decimals, 12), value);
  const std::string short_text = trim_zeros(text);
  return short_text == "-0" ? "0" : short_text;
}

}  // namespace canary::base

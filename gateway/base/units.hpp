// The units of the configuration file: durations, sizes, percentages. Each parser accepts exactly
// what its formatter can print, and the formatter prints what a person would write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace canary::base {

/// A share of traffic in basis points of 100%: 0..10000. Shown to people as a percentage.
using BasisPoints = std::uint16_t;
inline constexpr BasisPoints full_weight = 10000;

/// `500ms`, `30s`, `15m`, `12h`, `7d`, or sums such as `1h30m`; `0s` is zero. A unit is required.
Result<Duration> parse_duration(std::string_view text);
/// The shortest exact form in one unit: 90 s is `90s`, 120 s is `2m`.
std::string format_duration(Duration duration);

/// Bytes: `512`, `64KiB`, `128MiB`, `1GiB`.
Result<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);

/// A percentage `0.5%`, or a bare number of per cent `0.5`, as per cent (0.5). Finite and >= 0.
Result<double> parse_percent(std::string_view text);
/// Per cent to basis points: 0..100 in steps of 0.01; anything finer or outside is an error.
Result<BasisPoints> to_basis_points(double percent);
/// 1250 -> `12.5`: per cent, without trailing zeros and without a sign.
std::string format_percent(BasisPoints weight);
inline double percent(BasisPoints weight) { return weight / 100.0; }
/// A number as people write it: up to `digits` significant digits, no trailing zeros, no exponent.
std::string format_number(double value, int digits = 4);

}  // namespace canary::base

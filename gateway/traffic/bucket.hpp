// From a sticky key to a bucket 0..9999. Same hash as flagd's fractional evaluation, so that an
// application that evaluates the same flag puts the same user on the same side.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "config/config.hpp"
#include "traffic/request_view.hpp"

namespace canary::traffic {

/// MurmurHash3_x86_32 with seed 0 over the concatenation a + b, without building it.
/// Source: Austin Appleby, MurmurHash3 (public domain).
std::uint32_t murmur3_32(std::string_view a, std::string_view b);

/// flagd fractional: (uint64(murmur3_32(flag + key)) * 10000) >> 32.
std::uint32_t bucket(std::string_view flag, std::string_view key);

/// The first sticky source that is present and not empty; empty when there is none. Of a source
/// that is there more than once, the first that is not empty. It may lie in `scratch`.
std::string_view sticky_key(const std::vector<config::StickySource>& sources,
                            const RequestView& request, std::string& scratch);

/// The first line of that name that is not empty.
std::string_view header_value(const RequestView& request, std::string_view name);

/// The first value of that cookie that is not empty, over all Cookie lines (RFC 6265, 4.2), without
/// the quotes around it. The name's case counts; the value is not decoded.
std::string_view cookie(const RequestView& request, std::string_view name);

/// The first value of that parameter that is not empty, decoded as forms are
/// (application/x-www-form-urlencoded: `+` and `%20` are a space); a `%` that begins no code is
/// itself. Names are compared decoded. A decoded value lies in `scratch`.
std::string_view query_parameter(std::string_view query, std::string_view name,
                                 std::string& scratch);

}  // namespace canary::traffic

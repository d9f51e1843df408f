// From a sticky key to a bucket 0..9999. Same hash as flagd's fractional evaluation, so that an
// application that evaluates the same flag puts the same user on the same side.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/random.hpp"
#include "config/config.hpp"
#include "traffic/request_view.hpp"

namespace canary::traffic {

/// MurmurHash3_x86_32 with seed 0 over the concatenation a + b, without building it.
/// Source: Austin Appleby, MurmurHash3 (public domain).
std::uint32_t murmur3_32(std::string_view a, std::string_view b);

/// flagd fractional: (uint64(murmur3_32(flag + key)) * 10000) >> 32.
std::uint32_t bucket(std::string_view flag, std::string_view key);

/// The first sticky source that is present and not empty; empty when there is none.
std::string_view sticky_key(const std::vector<config::StickySource>& sources,
                            const RequestView& request);

/// The value of a cookie (RFC 6265 `name=value; ...`) or of a query parameter (not decoded).
std::string_view cookie(std::string_view header, std::string_view name);
std::string_view query_parameter(std::string_view query, std::string_view name);

}  // namespace canary::traffic

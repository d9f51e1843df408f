// Which addresses are this host's. Any thread.
#pragma once

#include <array>
#include <cstdint>

namespace canary::net {

/// Whether packets to `ip` (IPv4 as IPv4-mapped IPv6) stay on this host, by its routes at this
/// moment; no packet is sent. True when that cannot be asked.
bool is_local(const std::array<std::uint8_t, 16>& ip);

}  // namespace canary::net

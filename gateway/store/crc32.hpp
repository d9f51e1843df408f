// CRC-32 (ISO 3309, the polynomial of zlib and Ethernet, reflected): guards the latch file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace canary::store {

std::uint32_t crc32(const void* data, std::size_t size);

}  // namespace canary::store

// Asks for memory before it is needed, so that a later access finds it in the cache.
#pragma once

#include <cstddef>
#include <cstdint>

namespace canary::base {

/// `size` bytes from `memory` on; an address that is not mapped, or null, does no harm.
inline void prefetch(const void* memory, std::size_t size) {
  constexpr std::size_t line = 64;
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  for (std::size_t at = 0; at < size; at += line)
    __builtin_prefetch(reinterpret_cast<const void*>(begin + at), 1);
}

}  // namespace canary::base

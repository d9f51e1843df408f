// Randomness as an argument: a small seeded generator, and identifiers made from it.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.hpp"

namespace canary::base {

/// xoshiro256** 1.0 (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021),
/// seeded through splitmix64. Not for secrets. One owner, one thread.
class Random {
 public:
  explicit Random(std::uint64_t seed);
  std::uint64_t next();
  /// Uniform in [0, bound) by multiply-shift; the bias is below bound / 2^32.
  std::uint32_t below(std::uint32_t bound);
  /// Uniform in [0, 1).
  double unit();

 private:
  std::uint64_t state_[4];
};

/// A seed from the kernel's entropy.
std::uint64_t random_seed();

inline constexpr std::size_t uuid_length = 36;
/// UUID version 7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then random bits. Writes exactly
/// uuid_length characters.
void write_uuid_v7(char* out, WallTime now, Random& random);
std::string uuid_v7(WallTime now, Random& random);

}  // namespace canary::base

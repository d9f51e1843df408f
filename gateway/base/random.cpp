#include "base/random.hpp"

#include <sys/random.h>

#include <bit>
#include <cstring>

namespace canary::base {

Random::Random(std::uint64_t seed) {
  for (auto& word : state_) {
    std::uint64_t z = (seed += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    word = z ^ (z >> 31);
  }
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint32_t Random::below(std::uint32_t bound) {
  return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
}

double Random::unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
    seed = static_cast<std::uint64_t>(SystemClock().mono().time_since_epoch().count());
  return seed;
}

namespace {

/// Eight lower-case hexadecimal digits, all at once: a nibble is spread to each byte, and those
/// above 9 are lifted from behind '9' to 'a'.
void write_hex(char* out, std::uint32_t value) {
  std::uint64_t digits = value;
  digits = (digits << 16 | digits) & 0x0000FFFF0000FFFFull;
  digits = (digits << 8 | digits) & 0x00FF00FF00FF00FFull;
  digits = (digits << 4 | digits) & 0x0F0F0F0F0F0F0F0Full;
  const std::uint64_t letters = ((digits + 0x0606060606060606ull) >> 4) & 0x0101010101010101ull;
  digits += 0x3030303030303030ull + letters * ('a' - '9' - 1);
  for (int i = 0; i < 8; ++i) out[i] = static_cast<char>(digits >> (56 - 8 * i));
}

}  // namespace

// 8-4-4-4-12 digits.
void write_uuid_v7(char* out, WallTime now, Random& random) {
  using std::chrono::duration_cast;
  const auto ms = static_cast<std::uint64_t>(
      duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
  const std::uint64_t a = random.next();
  const std::uint64_t high = (ms << 16) | 0x7000 | (a & 0x0FFF);
  const std::uint64_t low = (random.next() & 0x3FFFFFFFFFFFFFFFull) | 0x8000000000000000ull;
  char digits[32];
  write_hex(digits, static_cast<std::uint32_t>(high >> 32));
  write_hex(digits + 8, static_cast<std::uint32_t>(high));
  write_hex(digits + 16, static_cast<std::uint32_t>(low >> 32));
  write_hex(digits + 24, static_cast<std::uint32_t>(low));
  std::memcpy(out, digits, 8);
  std::memcpy(out + 9, digits + 8, 4);
  std::memcpy(out + 14, digits + 12, 4);
  std::memcpy(out + 19, digits + 16, 4);
  std::memcpy(out + 24, digits + 20, 12);
  out[8] = out[13] = out[18] = out[23] = '-';
}

std::string uuid_v7(WallTime now, Random& random) {
  std::string text(uuid_length, '-');
  write_uuid_v7(text.data(), now, random);
  return text;
}

}  // namespace canary::base

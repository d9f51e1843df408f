#include "base/random.hpp"

#include <sys/random.h>

#include <bit>

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

void write_uuid_v7(char* out, WallTime now, Random& random) {
  constexpr char hex[] = "0123456789abcdef";
  using std::chrono::duration_cast;
  const auto ms = static_cast<std::uint64_t>(
      duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
  const std::uint64_t a = random.next();
  const std::uint64_t high = (ms << 16) | 0x7000 | (a & 0x0FFF);
  const std::uint64_t low = (random.next() & 0x3FFFFFFFFFFFFFFFull) | 0x8000000000000000ull;
  char* p = out;
  for (int i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) *p++ = '-';
    const std::uint64_t word = i < 16 ? high : low;
    *p++ = hex[(word >> (60 - 4 * (i % 16))) & 15];
  }
}

std::string uuid_v7(WallTime now, Random& random) {
  std::string text(uuid_length, '-');
  write_uuid_v7(text.data(), now, random);
  return text;
}

}  // namespace canary::base

// Much data that is sent while the test does something else, and shows when a byte is missing.
#pragma once

#include <string>
#include <thread>

#include "support/wire.hpp"

namespace canary::test {

inline std::string pattern(std::size_t size, std::size_t seed = 0) {
  std::string bytes(size, ' ');
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<char>('a' + (i * 7 + i / 251 + seed) % 26);
  return bytes;
}

/// Sends from a thread of its own, while the test reads.
class Sending {
 public:
  Sending(Wire& wire, std::string bytes)
      : thread_([&wire, bytes = std::move(bytes)] { wire.send(bytes); }) {}
  ~Sending() { thread_.join(); }

 private:
  std::thread thread_;
};

}  // namespace canary::test

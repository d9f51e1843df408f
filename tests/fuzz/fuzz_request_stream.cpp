// Any bytes as one connection's requests, bodies and pipelining included: cut in any way, the same
// is read of them.
#include <cstdio>
#include <cstdlib>

#include "support/http_properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto seed = static_cast<std::uint32_t>(size * 2654435761U + (size > 0 ? data[0] : 0));
  const auto violation = canary::http::stream_violation(bytes, seed);
  if (violation.empty()) return 0;
  std::fprintf(stderr, "%s\n", violation.c_str());
  std::abort();
}

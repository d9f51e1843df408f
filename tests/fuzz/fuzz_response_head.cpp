// Any bytes as a response head: whatever is accepted reaches the client in a form that is read in
// one way.
#include <cstdio>
#include <cstdlib>

#include "support/http_properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const unsigned mode : {0U, 1U, 2U, 3U}) {
    const auto violation =
        canary::http::response_violation(bytes, (mode & 1) != 0, (mode & 2) != 0);
    if (violation.empty()) continue;
    std::fprintf(stderr, "%s\n", violation.c_str());
    std::abort();
  }
  return 0;
}

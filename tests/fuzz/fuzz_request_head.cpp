// Any bytes as a request head: whatever is accepted is forwarded in a form that is read in one way.
#include <cstdio>
#include <cstdlib>

#include "support/http_properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const bool trusted : {false, true}) {
    const auto violation = canary::http::request_violation(bytes, trusted);
    if (violation.empty()) continue;
    std::fprintf(stderr, "%s\n", violation.c_str());
    std::abort();
  }
  return 0;
}

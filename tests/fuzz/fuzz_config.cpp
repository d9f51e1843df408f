// Any bytes as a configuration file: accepted, or refused with problems that can be shown.
#include <cstdio>
#include <cstdlib>

#include "support/config_properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto violation = canary::config::load_violation(bytes);
  if (violation.empty()) return 0;
  std::fprintf(stderr, "%s\n", violation.c_str());
  std::abort();
}

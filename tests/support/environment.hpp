// Knobs of long tests.
#pragma once

#include <cstdlib>

namespace canary::support {

/// The variable's number, or `otherwise` when it is not set.
inline long from_environment(const char* name, long otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::atol(value);
}

}  // namespace canary::support

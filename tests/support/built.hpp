// What one of the head builders makes, as a string.
#pragma once

#include <string>
#include <type_traits>

#include "base/text_buffer.hpp"

namespace canary::test {

template <class... Arguments>
std::string built(void (*build)(base::TextBuffer&, Arguments...),
                  std::type_identity_t<Arguments>... arguments) {
  base::TextBuffer out;
  build(out, arguments...);
  return std::string(out.view());
}

}  // namespace canary::test

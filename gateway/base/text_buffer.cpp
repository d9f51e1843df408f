#include "base/text_buffer.hpp"

#include <algorithm>

namespace canary::base {

void TextBuffer::grow(std::size_t by) {
  constexpr std::size_t least = 1024;
  const std::size_t capacity = std::max({least, 2 * capacity_, size_ + by});
  auto memory = std::make_unique_for_overwrite<char[]>(capacity);
  if (size_ > 0) std::memcpy(memory.get(), memory_.get(), size_);
  memory_ = std::move(memory);
  capacity_ = capacity;
}

}  // namespace canary::base

// Text under construction that is built over and over: like a std::string, but an append is a
// comparison and a copy, in line, and growing leaves the new memory as it is.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace canary::base {

class TextBuffer {
 public:
  /// Each of them, in this order.
  template <std::convertible_to<std::string_view>... Parts>
  void append(const Parts&... parts) {
    const std::size_t size = (std::string_view(parts).size() + ...);
    if (size > capacity_ - size_) grow(size);
    (copy(parts), ...);
  }
  void append(char c) { append(std::string_view(&c, 1)); }
  /// Drops the text and keeps the memory.
  void clear() { size_ = 0; }

  std::string_view view() const { return {memory_.get(), size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  void copy(std::string_view text) {
    if (!text.empty()) std::memcpy(memory_.get() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void grow(std::size_t by);

  std::unique_ptr<char[]> memory_;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace canary::base

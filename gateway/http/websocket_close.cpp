#include "http/websocket_close.hpp"

#include <algorithm>

namespace canary::http {
namespace {

constexpr std::uint8_t opcode_bits = 0x0f, close_opcode = 0x08, mask_bit = 0x80, length_bits = 0x7f;
constexpr std::uint8_t length_16 = 126, length_64 = 127;

}  // namespace

void WebSocketClose::feed(std::string_view bytes) {
  while (!bytes.empty() && !seen_) {
    const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
    bytes.remove_prefix(skipped);
    skip_ -= skipped;
    if (bytes.empty()) return;
    header_[have_++] = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    seen_ = (header_[0] & opcode_bits) == close_opcode;
    if (have_ < 2 || have_ < header_size()) continue;
    skip_ = payload();
    have_ = 0;
  }
}

std::size_t WebSocketClose::header_size() const {
  const std::uint8_t length = header_[1] & length_bits;
  const std::size_t extended = length == length_64 ? 8 : length == length_16 ? 2 : 0;
  return 2 + extended + (header_[1] & mask_bit ? 4 : 0);
}

std::uint64_t WebSocketClose::payload() const {
  const std::uint8_t length = header_[1] & length_bits;
  if (length < length_16) return length;
  std::uint64_t value = 0;
  const std::size_t end = length == length_64 ? 10 : 4;
  for (std::size_t i = 2; i < end; ++i) value = value << 8 | header_[i];
  return value;
}

}  // namespace canary::http

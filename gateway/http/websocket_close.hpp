// Whether a WebSocket's Close frame has passed, in one direction of its connection (RFC 6455, 5.2):
// behind it both sides end, and a server may do so by resetting the connection, when there are
// bytes that it has not read. Frames are skipped, not checked. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace canary::http {

class WebSocketClose {
 public:
  /// Takes the next bytes, however they are cut.
  void feed(std::string_view bytes);
  bool seen() const { return seen_; }

 private:
  std::size_t header_size() const;  // of the frame that begins in header_
  std::uint64_t payload() const;

  std::array<std::uint8_t, 14> header_;  // as far as it has come
  std::uint8_t have_ = 0;
  bool seen_ = false;
  std::uint64_t skip_ = 0;  // of the present frame's payload
};

}  // namespace canary::http

#include "http/websocket_close.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace canary::http {
namespace {

using namespace std::string_literals;

/// How many bytes it takes until a Close frame has begun; npos when none does.
std::size_t closes_at(std::string_view stream, std::size_t step) {
  WebSocketClose close;
  for (std::size_t at = 0; at < stream.size(); ++at) {
    if (at % step == 0) close.feed(stream.substr(at, step));
    if (close.seen()) return at;
  }
  return std::string_view::npos;
}

std::string frame(int opcode, std::size_t size, bool masked, bool final = true) {
  std::string out(1, static_cast<char>(opcode | (final ? 0x80 : 0)));
  const int mask = masked ? 0x80 : 0;
  const auto append = [&](std::size_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  };
  if (size < 126)
    append(static_cast<std::size_t>(mask) | size, 1);
  else
    append(static_cast<std::size_t>(mask) | (size < 65536 ? 126u : 127u), 1);
  if (size >= 126) append(size, size < 65536 ? 2 : 8);
  if (masked) out += "\x08\x88\x08\x88";
  return out + std::string(size, '\x88');  // looks like Close frames
}

}  // namespace

TEST_CASE("A WebSocket's Close frame is seen behind frames of every size, however they are cut") {
  const bool masked = GENERATE(false, true);
  const std::size_t step = GENERATE(1, 2, 3, 7, 1000, 1 << 20);
  for (const std::size_t size : {0u, 1u, 125u, 126u, 127u, 65535u, 65536u, 70000u}) {
    CAPTURE(size, step, masked);
    const std::string before = frame(1, size, masked, false) + frame(0, size, masked) +
                               frame(9, 4, masked) + frame(2, 3, masked);
    CHECK(closes_at(before, step) == std::string_view::npos);
    CHECK(closes_at(before + frame(8, 2, masked) + "more", step) == before.size() / step * step);
  }
}

TEST_CASE("A Close frame counts from its first byte, and for good") {
  WebSocketClose close;
  close.feed("\x88");
  CHECK(close.seen());
  close.feed("\x81\x01x");
  CHECK(close.seen());
  WebSocketClose none;
  none.feed(""s);
  CHECK_FALSE(none.seen());
}

TEST_CASE("A frame that says it is endless hides what follows, and reads nothing it has not") {
  WebSocketClose close;
  close.feed("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"s);
  close.feed(std::string(1000, '\x88'));
  CHECK_FALSE(close.seen());
}

}  // namespace canary::http

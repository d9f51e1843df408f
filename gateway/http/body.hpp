// Bodies are framed as they pass, in place, never collected. BodyReader finds the end of a message
// and takes chunk framing off; the sender puts framing of its own on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/message.hpp"

namespace canary::http {

/// Takes the bytes of one body as they arrive. Chunk extensions and trailers are checked, bounded
/// (16 KiB, and an eighth of the data) and dropped. Nothing depends on how the bytes were cut.
class BodyReader {
 public:
  BodyReader() = default;
  BodyReader(Framing framing, std::uint64_t content_length);

  struct Step {
    std::size_t consumed = 0;  // bytes taken from the input
    std::size_t data = 0;      // body bytes among them, now contiguous at the input's front
    bool failed = false;       // broken chunk framing: nothing after it can be trusted
  };
  /// Decodes `size` bytes at `bytes` in place. Stops at the end of the body: what lies behind it is
  /// not consumed. Never called again after done() or a failure.
  Step feed(char* bytes, std::size_t size);

  /// The whole body has passed. Framing::until_close is done only by end().
  bool done() const { return done_; }
  /// The sender closed its side. True: that ends this body properly.
  bool end();
  /// With Framing::length: the bytes that are still to come.
  std::uint64_t remaining() const { return framing_ == Framing::length ? remaining_ : 0; }
  std::uint64_t body_bytes() const { return body_bytes_; }

 private:
  enum class State : std::uint8_t;
  Step feed_chunked(char* bytes, std::size_t size);
  std::size_t end_data(const char* bytes, std::size_t size);
  bool take(char c);  // one byte of chunk framing; false: it is broken
  bool take_size(char c);
  bool end_ext_name(char c);
  bool end_extension(char c);
  bool begin_chunk();
  bool to(State state);  // true

  Framing framing_ = Framing::none;
  bool done_ = true;
  State state_{};
  std::uint8_t digits_ = 0;      // of the chunk size
  std::uint64_t remaining_ = 0;  // of the body, or of the chunk
  std::uint64_t body_bytes_ = 0;
  std::uint32_t overhead_ = 0;  // bytes of chunk extensions and trailers that data has not paid
};

/// Room in front of and behind the data of one chunk.
inline constexpr std::size_t chunk_prefix_max = 18;  // 16 hex digits and CRLF
inline constexpr std::string_view chunk_suffix = "\r\n";
inline constexpr std::string_view last_chunk = "0\r\n\r\n";
/// Writes `<hex size>CRLF` so that it ends right before `data`; returns its length. size > 0.
std::size_t write_chunk_prefix(char* data, std::uint64_t size);

}  // namespace canary::http

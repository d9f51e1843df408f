#include "http/body.hpp"

#include <algorithm>
#include <cstring>

#include "base/percent.hpp"
#include "http/syntax.hpp"

namespace canary::http {

// RFC 9112, 7.1:
//   chunked-body = *( chunk-size [chunk-ext] CRLF chunk-data CRLF ) 1*"0" [chunk-ext] CRLF
//                  *( field-line CRLF ) CRLF
//   chunk-ext    = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
// The state is that of one byte, so the verdict cannot depend on how the bytes were cut.
enum class BodyReader::State : std::uint8_t {
  size_start,
  size,
  semicolon,  // after white space that only another extension may follow
  ext_name_start,
  ext_name,
  ext_name_end,  // white space after a name: `=` or `;`
  ext_value_start,
  ext_value,
  ext_quoted,
  ext_escaped,
  ext_quoted_end,
  size_lf,
  data,
  data_cr,
  data_lf,
  trailer_start,
  trailer_name,
  trailer_value,
  trailer_lf,
  last_lf,
};

namespace {

constexpr std::uint32_t overhead_max = 16 << 10;
constexpr std::uint8_t size_digits_max = 16;

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

}  // namespace

BodyReader::BodyReader(Framing framing, std::uint64_t content_length)
    : framing_(framing),
      done_(framing == Framing::none || (framing == Framing::length && content_length == 0)),
      state_(State::size_start),
      remaining_(framing == Framing::length ? content_length : 0) {}

BodyReader::Step BodyReader::feed(char* bytes, std::size_t size) {
  if (done_ || framing_ == Framing::none) return {};
  if (framing_ == Framing::chunked) return feed_chunked(bytes, size);
  Step step;
  step.consumed = step.data = size;
  if (framing_ == Framing::length) {
    step.consumed = step.data = static_cast<std::size_t>(std::min<std::uint64_t>(size, remaining_));
    remaining_ -= step.data;
    done_ = remaining_ == 0;
  }
  body_bytes_ += step.data;
  return step;
}

BodyReader::Step BodyReader::feed_chunked(char* bytes, std::size_t size) {
  Step step;
  while (step.consumed < size && !done_) {
    if (state_ != State::data) {
      if (!take(bytes[step.consumed++])) {
        step.failed = true;
        return step;
      }
      continue;
    }
    const auto length =
        static_cast<std::size_t>(std::min<std::uint64_t>(size - step.consumed, remaining_));
    if (step.data != step.consumed) std::memmove(bytes + step.data, bytes + step.consumed, length);
    step.consumed += length;
    step.data += length;
    body_bytes_ += length;
    remaining_ -= length;
    if (remaining_ == 0) step.consumed += end_data(bytes + step.consumed, size - step.consumed);
  }
  return step;
}

// Behind a chunk's data. Mostly its line end is there too, and need not be looked at byte by byte.
std::size_t BodyReader::end_data(const char* bytes, std::size_t size) {
  const bool whole = size >= 2 && bytes[0] == '\r' && bytes[1] == '\n';
  state_ = whole ? State::size_start : State::data_cr;
  return whole ? 2 : 0;
}

bool BodyReader::to(State state) {
  state_ = state;
  return true;
}

bool BodyReader::take(char c) {
  const bool is_overhead = (state_ >= State::semicolon && state_ <= State::ext_quoted_end) ||
                           (state_ >= State::trailer_start && state_ <= State::trailer_lf);
  if (is_overhead && ++overhead_ > overhead_max) return false;
  switch (state_) {
    case State::size_start:
    case State::size:
      return take_size(c);
    case State::semicolon:
      return c == ';' ? to(State::ext_name_start) : is_blank(c);
    case State::ext_name_start:
      return is_tchar(c) ? to(State::ext_name) : is_blank(c);
    case State::ext_name:
      if (is_tchar(c)) return true;
      return c == '\r' ? to(State::size_lf) : end_ext_name(c);
    case State::ext_name_end:
      return end_ext_name(c);
    case State::ext_value_start:
      if (is_tchar(c)) return to(State::ext_value);
      return c == '"' ? to(State::ext_quoted) : is_blank(c);
    case State::ext_value:
      return is_tchar(c) || end_extension(c);
    case State::ext_quoted:
      if (c == '"') return to(State::ext_quoted_end);
      return c == '\\' ? to(State::ext_escaped) : is_field_char(c);
    case State::ext_escaped:
      return is_field_char(c) && to(State::ext_quoted);
    case State::ext_quoted_end:
      return end_extension(c);
    case State::size_lf:
      return c == '\n' && begin_chunk();
    case State::data:
      return false;  // feed_chunked() passes data itself
    case State::data_cr:
      return c == '\r' && to(State::data_lf);
    case State::data_lf:
      return c == '\n' && to(State::size_start);
    case State::trailer_start:
      if (is_tchar(c)) return to(State::trailer_name);
      return c == '\r' && to(State::last_lf);
    case State::trailer_name:
      return c == ':' ? to(State::trailer_value) : is_tchar(c);
    case State::trailer_value:
      return c == '\r' ? to(State::trailer_lf) : is_field_char(c);
    case State::trailer_lf:
      return c == '\n' && to(State::trailer_start);
    case State::last_lf:
      return done_ = c == '\n';
  }
  return false;
}

bool BodyReader::take_size(char c) {
  const int digit = base::hex_digit(c);
  if (digit < 0) return state_ == State::size && end_extension(c);
  if (digits_++ == size_digits_max || remaining_ > (max_length >> 4)) return false;
  remaining_ = remaining_ << 4 | static_cast<std::uint64_t>(digit);
  return to(State::size);
}

/// What may follow an extension's name, white space included, besides the line's end.
bool BodyReader::end_ext_name(char c) {
  if (c == '=') return to(State::ext_value_start);
  if (c == ';') return to(State::ext_name_start);
  return is_blank(c) && to(State::ext_name_end);
}

/// What may follow a chunk size or an extension's value: the line's end or another extension.
bool BodyReader::end_extension(char c) {
  if (c == '\r') return to(State::size_lf);
  if (c == ';') return to(State::ext_name_start);
  return is_blank(c) && to(State::semicolon);
}

bool BodyReader::begin_chunk() {
  // What chunks carry pays for what their extensions cost: a long upload with a signature on each
  // chunk passes, one-byte chunks with large extensions do not.
  overhead_ -= static_cast<std::uint32_t>(std::min<std::uint64_t>(overhead_, remaining_ / 8));
  digits_ = 0;
  return to(remaining_ == 0 ? State::trailer_start : State::data);
}

bool BodyReader::end() {
  if (framing_ == Framing::until_close) done_ = true;
  return done_;
}

std::size_t write_chunk_prefix(char* data, std::uint64_t size) {
  char* p = data;
  *--p = '\n';
  *--p = '\r';
  do {
    *--p = "0123456789abcdef"[size & 15];
    size >>= 4;
  } while (size != 0);
  return static_cast<std::size_t>(data - p);
}

}  // namespace canary::http

// What requests and responses share: framing, fields, and how a message is refused. Pure; views
// point into the bytes that were parsed and live no longer than they do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/field_kind.hpp"

namespace canary::http {

/// How the end of a body is found (RFC 9112, 6.3).
enum class Framing : std::uint8_t { none, length, chunked, until_close };

struct Field {
  std::string_view name, value;  // value without surrounding whitespace
  FieldKind kind = FieldKind::plain;
};

struct HeadLimits {
  std::size_t bytes = 64 << 10;  // of the whole head, its final CRLF included
  std::size_t fields = 100;      // at most max_fields
};
inline constexpr std::size_t max_fields = 256;

/// Why a message is not accepted: the status to answer (400, 414, 417, 431, 501, 505; 502 for an
/// upstream's response), a code for the error body, and a sentence. Static text. status 0:
/// accepted.
struct Refusal {
  std::uint16_t status = 0;
  std::string_view code = {};
  std::string_view message = {};
  explicit operator bool() const { return status != 0; }
};

/// Looks for the end of a head (CRLF CRLF) in `bytes`, of which the first `scanned` were looked at
/// before. Returns the head's length, or 0 when it is not complete; then `scanned` moves on.
std::size_t find_head_end(std::string_view bytes, std::size_t& scanned);

/// How many of the leading bytes are empty lines before a request line (RFC 9112, 2.2): skip them.
std::size_t leading_empty_lines(std::string_view bytes);

/// What to say of a request head that is not complete yet (leading empty lines skipped), and
/// already too large or plainly not HTTP/1.x.
Refusal refuse_incomplete(std::string_view bytes, const HeadLimits& limits);
/// The same of a response head: too large, not HTTP/1, or with lines that are broken in other ways
/// than by CRLF.
Refusal refuse_incomplete_response(std::string_view bytes, const HeadLimits& limits);

}  // namespace canary::http

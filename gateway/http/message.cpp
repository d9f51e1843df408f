#include "http/message.hpp"

#include <algorithm>
#include <cstring>

#include "http/syntax.hpp"

namespace canary::http {
namespace {

constexpr Refusal bad_request(std::string_view why) { return {400, "bad_request", why}; }
constexpr Refusal bad_response(std::string_view why) { return {502, "bad_response", why}; }

const char* find(char c, const char* from, const char* end) {
  return static_cast<const char*>(std::memchr(from, c, static_cast<std::size_t>(end - from)));
}
const char* find_lf(const char* from, const char* end) { return find('\n', from, end); }

/// CR and LF other than in CRLF. Heads with such lines may have no end for find_head_end(). The
/// last byte may be a CR whose LF is still to come.
bool breaks_lines_oddly(std::string_view bytes) {
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  for (const char* p = begin; p != end && (p = find_lf(p, end)) != nullptr; ++p)
    if (p == begin || p[-1] != '\r') return true;
  for (const char* p = begin; p != end && (p = find('\r', p, end)) != nullptr; ++p)
    if (p + 1 != end && p[1] != '\n') return true;
  return false;
}

}  // namespace

std::size_t find_head_end(std::string_view bytes, std::size_t& scanned) {
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  const char* p = begin + std::min(scanned, bytes.size());
  while (p != end && (p = find_lf(p, end)) != nullptr) {
    if (++p - begin >= 4 && std::memcmp(p - 4, "\r\n\r\n", 4) == 0)
      return static_cast<std::size_t>(p - begin);
  }
  scanned = bytes.size();
  return 0;
}

std::size_t leading_empty_lines(std::string_view bytes) {
  std::size_t length = 0;
  while (bytes.substr(length, 2) == "\r\n") length += 2;
  return length;
}

Refusal refuse_incomplete(std::string_view bytes, const HeadLimits& limits) {
  if (bytes.empty() || bytes == "\r") return {};
  if (!is_tchar(bytes.front())) return bad_request("this is not an HTTP request");
  const char* const end = bytes.data() + bytes.size();
  const char* lf = find_lf(bytes.data(), end);
  if (breaks_lines_oddly(bytes)) return bad_request("the head has a bare CR or LF");
  if (lf == nullptr) {
    if (bytes.size() < limits.bytes) return {};
    return {414, "uri_too_long", "the request line is longer than limits.header_bytes"};
  }
  const std::string_view line(bytes.data(), static_cast<std::size_t>(lf - bytes.data()));
  if (line.size() < 11 || line.find(" HTTP/", line.size() - 10) != line.size() - 10)
    return bad_request("the request line does not end in an HTTP version");
  // The number of lines is bounded, so that a head that arrives byte by byte stays cheap.
  for (std::size_t lines = 1; lf != nullptr; ++lines, lf = find_lf(lf + 1, end)) {
    if (lines > std::min(limits.fields, max_fields) + 1)
      return {431, "header_too_large", "there are more fields than limits.header_count"};
  }
  if (bytes.size() < limits.bytes) return {};
  return {431, "header_too_large", "the head is larger than limits.header_bytes"};
}

Refusal refuse_incomplete_response(std::string_view bytes, const HeadLimits& limits) {
  constexpr std::string_view http = "HTTP/1.";
  if (bytes.empty()) return {};
  if (!http.starts_with(bytes.substr(0, http.size())))
    return bad_response("the model server did not answer with HTTP/1");
  if (bytes.size() > limits.bytes)
    return bad_response("the model server's response head is larger than limits.header_bytes");
  if (breaks_lines_oddly(bytes)) return bad_response("the response head has a bare CR or LF");
  return {};
}

}  // namespace canary::http

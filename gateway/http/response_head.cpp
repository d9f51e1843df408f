#include "http/response_head.hpp"

#include <algorithm>
#include <cstring>

#include "http/field_reader.hpp"
#include "http/scan.hpp"

namespace canary::http {
namespace {

constexpr Refusal bad_response(std::string_view why) { return {502, "bad_response", why}; }

bool is_ascii(std::string_view reason) {
  for (const char c : reason)
    if (static_cast<unsigned char>(c) > 0x7e) return false;
  return true;
}

}  // namespace

class ResponseParser {
 public:
  ResponseParser(ResponseHead& head, std::string_view bytes, std::size_t limit)
      : head_(head), bytes_(bytes), fields_(head.fields_, head.count_, limit, head.connection_) {}

  Refusal parse(bool to_head) {
    const char* const end = bytes_.data() + bytes_.size();
    const char* at = bytes_.data();
    if (!ends_as_head(bytes_)) return bad_response("the head is not one head");
    if (!read_status_line(at, end)) return bad_response("the status line is not valid");
    if (head_.status < 100 || head_.status > 599) return bad_response("the status is not 1xx-5xx");
    const auto refusal = fields_.read(at, end, [this](const Field& field) { return take(field); });
    if (refusal) return bad_response(refusal.message);
    if (auto unclear = gate_framing()) return unclear;
    decide(to_head);
    return {};
  }

 private:
  // status-line = HTTP-version SP status-code SP [ reason-phrase ] CRLF (RFC 9112, 4)
  bool read_status_line(const char*& at, const char* end) {
    constexpr std::string_view before_reason = "HTTP/1.x 200 ";
    if (end - at < static_cast<std::ptrdiff_t>(before_reason.size()) ||
        std::memcmp(at, before_reason.data(), 7) != 0 || (at[7] != '1' && at[7] != '0') ||
        at[8] != ' ' || !is_digit(at[9]) || !is_digit(at[10]) || !is_digit(at[11]) || at[12] != ' ')
      return false;
    head_.http_1_0 = at[7] == '0';
    head_.status =
        static_cast<std::uint16_t>((at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0'));
    const char* const reason = at + before_reason.size();
    const char* const reason_end = skip_value(reason, end);
    if (!at_crlf(reason_end)) return false;
    const std::string_view text(reason, static_cast<std::size_t>(reason_end - reason));
    if (is_ascii(text)) head_.reason = text;
    at = reason_end + 2;
    return true;
  }

  Refusal take(const Field& field) {
    if (field.kind == FieldKind::retry_after) head_.retry_after = true;
    if (field.kind == FieldKind::location) head_.location = true;
    if (field.kind == FieldKind::content_type && head_.content_type.data() == nullptr)
      head_.content_type = field.value;
    return {};
  }

  Refusal gate_framing() const {
    const auto& framing = fields_.framing();
    if (framing.codings != 0) {
      if (framing.lengths != 0) return bad_response("Content-Length beside Transfer-Encoding");
      if (head_.http_1_0) return bad_response("Transfer-Encoding in an HTTP/1.0 response");
      if (!framing.is_chunked()) return bad_response("Transfer-Encoding is not exactly `chunked`");
    }
    if (framing.length_is_bad) return bad_response("Content-Length is not valid");
    if (framing.lengths_differ) return bad_response("there are differing Content-Lengths");
    return {};
  }

  /// RFC 9112, 6.3 and 9.3.
  void decide(bool to_head) {
    const auto& framing = fields_.framing();
    const auto& options = head_.connection_;
    head_.keep_alive = !options.close && (!head_.http_1_0 || options.keep_alive);
    const bool never_has_body = head_.status < 200 || head_.status == 204;
    if (!never_has_body) head_.content_length = framing.length;
    if (never_has_body || to_head || head_.status == 304) {
      head_.framing = Framing::none;
      // Nothing tells where such an answer ends but the rule that it has no body, and a sender that
      // is wrong about the rule sends one, after a moment even: docs/decisions/0020.
      head_.keep_alive = false;
    } else if (framing.codings != 0) {
      head_.framing = Framing::chunked;
    } else if (framing.lengths != 0) {
      head_.framing = Framing::length;
    } else {
      head_.framing = Framing::until_close;
      head_.keep_alive = false;
    }
  }

  ResponseHead& head_;
  std::string_view bytes_;
  FieldReader fields_;
};

Refusal ResponseHead::parse(std::string_view head, bool to_head, const HeadLimits& limits) {
  status = 0;
  reason = content_type = {};
  keep_alive = true;
  http_1_0 = retry_after = location = false;
  framing = Framing::none;
  content_length = 0;
  count_ = 0;
  connection_ = {};
  if (head.size() > limits.bytes) return bad_response("the header section is too large");
  return ResponseParser(*this, head, std::min(limits.fields, max_fields)).parse(to_head);
}

std::string_view ResponseHead::find(std::string_view name) const {
  return find_field(fields_.data(), count_, name);
}

}  // namespace canary::http

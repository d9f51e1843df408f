#include "http/response_head.hpp"

#include <algorithm>

#include <boost/beast/http/basic_parser.hpp>

#include "http/field_sink.hpp"
#include "http/syntax.hpp"

namespace canary::http {
namespace {

namespace beast = boost::beast;

constexpr Refusal bad_response(std::string_view why) { return {502, "bad_response", why}; }

std::string_view text(beast::string_view slice) { return {slice.data(), slice.size()}; }

bool is_ascii(std::string_view reason) {
  for (const char c : reason)
    if (!is_field_char(c) || static_cast<unsigned char>(c) > 0x7e) return false;
  return true;
}

}  // namespace

class ResponseParser final : public beast::http::basic_parser<false> {
 public:
  ResponseParser(ResponseHead& head, std::string_view bytes, std::size_t limit)
      : head_(head),
        bytes_(bytes),
        sink_{bytes, head.fields_, head.count_, limit, head.connection_} {
    header_limit(UINT32_MAX);
    body_limit(boost::none);
    skip(true);
  }

  Refusal parse(bool to_head) {
    beast::error_code error;
    const auto used = put(beast::net::const_buffer(bytes_.data(), bytes_.size()), error);
    if (refusal_) return bad_response(refusal_.message);
    if (error) return bad_response("the model server's response head is not valid");
    if (used != bytes_.size()) return bad_response("the head is not one head");
    if (head_.status < 100 || head_.status > 599) return bad_response("the status is not 1xx-5xx");
    if (auto refusal = gate_framing()) return refusal;
    decide(to_head);
    return {};
  }

 private:
  Refusal gate_framing() const {
    const auto& framing = sink_.framing;
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
    const auto& framing = sink_.framing;
    const auto& options = head_.connection_;
    head_.keep_alive = !options.close && (!head_.http_1_0 || options.keep_alive);
    const bool never_has_body = head_.status < 200 || head_.status == 204;
    if (!never_has_body) head_.content_length = framing.length;
    if (never_has_body || to_head || head_.status == 304) {
      head_.framing = Framing::none;
      // A sender that announces a body where none can be may well send it, after a moment even:
      // docs/decisions/0020-announced-bodies.md.
      if (framing.codings != 0 || framing.length != 0) head_.keep_alive = false;
    } else if (framing.codings != 0) {
      head_.framing = Framing::chunked;
    } else if (framing.lengths != 0) {
      head_.framing = Framing::length;
    } else {
      head_.framing = Framing::until_close;
      head_.keep_alive = false;
    }
  }

  void on_response_impl(int status, beast::string_view reason, int version,
                        beast::error_code&) override {
    head_.status = static_cast<std::uint16_t>(status);
    head_.http_1_0 = version == 10;
    if (is_ascii(text(reason))) head_.reason = text(reason);
  }

  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     beast::error_code& error) override {
    refusal_ = sink_.add(text(name), text(value));
    if (refusal_)
      error = make_error_code(beast::http::error::bad_value);  // stops the parser
    else if (head_.fields_[head_.count_ - 1].kind == FieldKind::retry_after)
      head_.retry_after = true;
  }

  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int,
                       beast::error_code&) override {}
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
  std::size_t on_body_impl(beast::string_view, beast::error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, beast::error_code&) override {
    return 0;
  }
  void on_finish_impl(beast::error_code&) override {}

  ResponseHead& head_;
  std::string_view bytes_;
  FieldSink sink_;
  Refusal refusal_;
};

Refusal ResponseHead::parse(std::string_view head, bool to_head, const HeadLimits& limits) {
  status = 0;
  reason = {};
  keep_alive = true;
  http_1_0 = retry_after = false;
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

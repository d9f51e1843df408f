#include "http/request_head.hpp"

#include <algorithm>

#include <boost/beast/http/basic_parser.hpp>

#include "base/text.hpp"
#include "http/field_sink.hpp"
#include "http/syntax.hpp"
#include "http/target.hpp"
#include "http/upgrade.hpp"

namespace canary::http {
namespace {

namespace beast = boost::beast;

constexpr std::size_t max_method = 64;

constexpr Refusal bad_request(std::string_view why) { return {400, "bad_request", why}; }

std::string_view text(beast::string_view slice) { return {slice.data(), slice.size()}; }

/// The request line of `head`, without CRLF. The parser failed on it, so it may have any form.
std::string_view request_line(std::string_view head) { return head.substr(0, head.find("\r\n")); }

/// Beast says bad_version both for `HTTP/2.0` and for garbage.
Refusal refuse_version(std::string_view head) {
  const auto line = request_line(head);
  const auto target = std::min(line.size(), line.find(' ') + 1);
  const auto version = line.substr(std::min(line.size(), line.find(' ', target) + 1));
  if (version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) &&
      version[6] == '.' && is_digit(version[7]))
    return {505, "http_version_not_supported", "only HTTP/1.1 and HTTP/1.0 are supported"};
  return bad_request("the request line has no valid HTTP version");
}

Refusal refuse_syntax(beast::error_code why, std::string_view head) {
  using beast::http::error;
  const auto is = [&](error e) { return why == make_error_code(e); };
  if (is(error::bad_version)) return refuse_version(head);
  if (is(error::bad_method)) return bad_request("the method is not valid");
  if (is(error::bad_target)) return bad_request("the target is not valid");
  if (is(error::bad_field)) return bad_request("a field name is not valid");
  if (is(error::bad_value)) return bad_request("a field value is not valid");
  if (is(error::bad_content_length) || is(error::multiple_content_length))
    return bad_request("Content-Length is not valid");
  if (is(error::bad_transfer_encoding)) return bad_request("Transfer-Encoding is not valid");
  return bad_request("the head is not valid");
}

/// Why a Transfer-Encoding that is not exactly `chunked` is refused: a coding that we do not know
/// is 501, one that would leave the body's end unclear is 400 (RFC 9112, 6.1 and 6.3).
Refusal refuse_coding(std::string_view value) {
  const auto bad = bad_request("Transfer-Encoding is not exactly `chunked`");
  while (true) {
    const auto comma = value.find(',');
    const bool last = comma == std::string_view::npos;
    const auto coding = base::trim(value.substr(0, comma));
    if (!is_token(coding)) return bad;
    if (base::iequals(coding, "chunked") && !last) return bad;
    if (last) return {501, "not_implemented", "the transfer coding is not supported"};
    value.remove_prefix(comma + 1);
  }
}

bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
         method == "DELETE" || method == "TRACE";
}

}  // namespace

/// Fills a RequestHead and remembers what the gate needs of fields that may come only once.
class RequestParser final : public beast::http::basic_parser<true> {
 public:
  RequestParser(RequestHead& head, std::string_view bytes, std::size_t limit)
      : head_(head),
        bytes_(bytes),
        sink_{bytes, head.fields_, head.count_, limit, head.connection_} {
    header_limit(UINT32_MAX);
    body_limit(boost::none);
    skip(true);
  }

  Refusal parse() {
    beast::error_code error;
    const auto used = put(beast::net::const_buffer(bytes_.data(), bytes_.size()), error);
    if (refusal_) return refusal_;
    if (error) return refuse_syntax(error, bytes_);
    if (used != bytes_.size()) return bad_request("the head is not one head");
    if (auto refusal = gate_target_and_host()) return refusal;
    if (auto refusal = gate_framing()) return refusal;
    const auto& options = head_.connection_;
    head_.keep_alive = !options.close && (!head_.http_1_0 || options.keep_alive);
    // RFC 9110, 10.1.1: ignored in HTTP/1.0, and moot without content.
    head_.expect_continue = expects_ && !head_.http_1_0 && head_.framing != Framing::none &&
                            (head_.framing == Framing::chunked || head_.content_length > 0);
    if (options.upgrade) head_.upgrade = offered_upgrade(head_);
    return {};
  }

 private:
  void refuse(const Refusal& refusal, beast::error_code& error) {
    refusal_ = refusal;
    if (refusal) error = make_error_code(beast::http::error::bad_value);  // stops the parser
  }

  Refusal gate_target_and_host() {
    Target target;
    if (head_.method.size() > max_method)
      return {501, "not_implemented", "the method is longer than any that is known"};
    if (auto refusal = split_target(head_.method, head_.target, target)) return refusal;
    head_.path = target.path;
    head_.query = target.query;
    if (hosts_ > 1) return bad_request("there is more than one Host");
    if (hosts_ == 0 && !head_.http_1_0) return bad_request("Host is missing");
    if (hosts_ == 1 && !is_authority(host_)) return bad_request("Host is not valid");
    head_.authority = target.authority.empty() ? host_ : target.authority;
    return {};
  }

  Refusal gate_framing() {
    const auto& framing = sink_.framing;
    if (framing.codings != 0) {
      if (framing.lengths != 0) return bad_request("Content-Length beside Transfer-Encoding");
      if (head_.http_1_0) return bad_request("Transfer-Encoding in an HTTP/1.0 request");
      if (framing.codings > 1) return bad_request("there is more than one Transfer-Encoding");
      if (!framing.is_chunked()) return refuse_coding(framing.coding);
      head_.framing = Framing::chunked;
    } else if (framing.lengths != 0) {
      if (framing.lengths > 1) return bad_request("there is more than one Content-Length");
      if (framing.length_is_bad) return bad_request("Content-Length is not valid");
      head_.framing = Framing::length;
      head_.content_length = framing.length;
    }
    return {};
  }

  bool counts_hops() const { return head_.method == "OPTIONS" || head_.method == "TRACE"; }

  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target,
                       int version, beast::error_code&) override {
    head_.method = text(method);
    head_.target = text(target);
    head_.http_1_0 = version == 10;
    head_.is_head = head_.method == "HEAD";
    head_.idempotent = is_idempotent(head_.method);
  }

  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     beast::error_code& error) override {
    if (auto refusal = sink_.add(text(name), text(value))) return refuse(refusal, error);
    const Field& field = head_.fields_[head_.count_ - 1];
    if (field.kind == FieldKind::host) {
      ++hosts_;
      host_ = field.value;
    } else if (field.kind == FieldKind::expect) {
      expects_ = true;
      if (!base::iequals(field.value, "100-continue"))
        refuse({417, "expectation_failed", "only 100-continue can be expected"}, error);
    } else if (field.kind == FieldKind::max_forwards && counts_hops()) {
      std::uint64_t hops = 0;
      if (parse_length(field.value, hops)) head_.max_forwards = static_cast<std::int64_t>(hops);
    }
  }

  void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
  std::size_t on_body_impl(beast::string_view, beast::error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, beast::error_code&) override {
    return 0;
  }
  void on_finish_impl(beast::error_code&) override {}

  RequestHead& head_;
  std::string_view bytes_;
  FieldSink sink_;
  Refusal refusal_;
  std::size_t hosts_ = 0;
  std::string_view host_;
  bool expects_ = false;
};

Refusal RequestHead::parse(std::string_view head, const HeadLimits& limits) {
  method = target = path = query = authority = upgrade = {};
  http_1_0 = expect_continue = is_head = idempotent = false;
  keep_alive = true;
  framing = Framing::none;
  content_length = 0;
  max_forwards = -1;
  count_ = 0;
  connection_ = {};
  if (head.size() > limits.bytes) {
    if (request_line(head).size() + 2 > limits.bytes)
      return {414, "uri_too_long", "the request line is longer than limits.header_bytes"};
    return {431, "header_too_large", "the head is larger than limits.header_bytes"};
  }
  return RequestParser(*this, head, std::min(limits.fields, max_fields)).parse();
}

std::string_view RequestHead::find(std::string_view name) const {
  return find_field(fields_.data(), count_, name);
}

}  // namespace canary::http

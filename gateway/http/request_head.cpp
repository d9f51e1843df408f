#include "http/request_head.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"
#include "http/field_reader.hpp"
#include "http/scan.hpp"
#include "http/target.hpp"
#include "http/upgrade.hpp"

namespace canary::http {
namespace {

constexpr std::size_t max_method = 64;

constexpr Refusal bad_request(std::string_view why) { return {400, "bad_request", why}; }

/// The request line of `head`, without CRLF. It may have any form.
std::string_view request_line(std::string_view head) { return head.substr(0, head.find("\r\n")); }

/// Another version, such as `HTTP/2.0`, or none at all.
Refusal refuse_version(std::string_view head) {
  const auto line = request_line(head);
  const auto target = std::min(line.size(), line.find(' ') + 1);
  const auto version = line.substr(std::min(line.size(), line.find(' ', target) + 1));
  if (version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) &&
      version[6] == '.' && is_digit(version[7]))
    return {505, "http_version_not_supported", "only HTTP/1.1 and HTTP/1.0 are supported"};
  return bad_request("the request line has no valid HTTP version");
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
class RequestParser {
 public:
  RequestParser(ParsedRequestHead& head, std::string_view bytes, std::size_t limit)
      : head_(head), bytes_(bytes), fields_(head.fields_, head.count_, limit, head.connection_) {}

  Refusal parse() {
    if (!ends_as_head(bytes_)) return bad_request("the head is not one head");
    const char* const end = bytes_.data() + bytes_.size();
    const char* at = bytes_.data();
    if (auto refusal = read_request_line(at, end)) return refusal;
    const auto accept = [this](const Field& field) { return take(field); };
    if (auto refusal = fields_.read(at, end, accept)) return refusal;
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
  // request-line = method SP request-target SP HTTP-version CRLF (RFC 9112, 3)
  Refusal read_request_line(const char*& at, const char* end) {
    const char* const method_end = skip_token(at);
    if (method_end == at || *method_end != ' ') return bad_request("the method is not valid");
    const char* const target = method_end + 1;
    const char* const target_end = skip_target(target);
    if (*target_end != ' ' && !at_crlf(target_end))
      return bad_request("the target has a character that may not be there");
    if (target_end == target) return bad_request("the target is not valid");
    constexpr std::string_view version = " HTTP/1.x\r\n";
    const auto left = static_cast<std::size_t>(end - target_end);
    if (left < version.size() || std::memcmp(target_end, version.data(), 8) != 0 ||
        (target_end[8] != '1' && target_end[8] != '0') || !at_crlf(target_end + 9))
      return refuse_version(bytes_);
    head_.method = {at, static_cast<std::size_t>(method_end - at)};
    head_.target = {target, static_cast<std::size_t>(target_end - target)};
    head_.http_1_0 = target_end[8] == '0';
    head_.is_head = head_.method == "HEAD";
    head_.idempotent = is_idempotent(head_.method);
    at = target_end + version.size();
    return {};
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
    Authority host;
    if (hosts_ == 1 && !split_authority(host_, host)) return bad_request("Host is not valid");
    const bool absolute = !target.authority.empty();
    head_.authority = absolute ? target.authority : host_;
    head_.port = absolute ? target.port : host.port;
    return {};
  }

  Refusal gate_framing() {
    const auto& framing = fields_.framing();
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

  Refusal take(const Field& field) {
    if (field.kind == FieldKind::host) {
      ++hosts_;
      host_ = field.value;
    } else if (field.kind == FieldKind::request_id) {
      if (head_.request_id.data() == nullptr) head_.request_id = field.value;
    } else if (field.kind == FieldKind::expect) {
      expects_ = true;
      if (!base::iequals(field.value, "100-continue"))
        return {417, "expectation_failed", "only 100-continue can be expected"};
    } else if (field.kind == FieldKind::max_forwards && counts_hops()) {
      std::uint64_t hops = 0;
      if (parse_length(field.value, hops)) head_.max_forwards = static_cast<std::int64_t>(hops);
    }
    return {};
  }

  ParsedRequestHead& head_;
  std::string_view bytes_;
  FieldReader fields_;
  std::size_t hosts_ = 0;
  std::string_view host_;
  bool expects_ = false;
};

Refusal ParsedRequestHead::parse(std::string_view head, const HeadLimits& limits) {
  method = target = path = query = authority = port = upgrade = request_id = {};
  http_1_0 = expect_continue = is_head = idempotent = false;
  keep_alive = true;
  framing = Framing::none;
  content_length = 0;
  max_forwards = -1;
  first_ = fields_.data();
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
  return find_field(first_, count_, name);
}

}  // namespace canary::http

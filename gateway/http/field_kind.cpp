#include "http/field_kind.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace canary::http {
namespace {

/// Both have the same length. `| 0x20` folds the letters of a token and maps none of its other
/// characters onto one of `lower`'s.
template <std::size_t N>
bool is(const char* name, const char (&lower)[N]) {
  if ((name[0] | 0x20) != lower[0]) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i + 1 < N; ++i)
    difference |= static_cast<unsigned>((name[i] | 0x20) ^ lower[i]);
  return difference == 0;
}

/// What the name means to somebody who knows it as it is written.
FieldKind literal_kind(std::string_view name) {
  using enum FieldKind;
  const char* const n = name.data();
  switch (name.size()) {
    case 2:
      return is(n, "te") ? hop_by_hop : plain;
    case 3:
      return is(n, "via") ? kept : plain;
    case 4:
      return is(n, "host") ? host : is(n, "date") ? date : plain;
    case 6:
      return is(n, "expect") ? expect : is(n, "cookie") ? kept : plain;
    case 7:
      return is(n, "upgrade") || is(n, "trailer") ? hop_by_hop : plain;
    case 8:
      return is(n, "location") ? location : plain;
    case 9:
      return is(n, "forwarded") || is(n, "x-real-ip") ? forwarded : plain;
    case 10:
      if (is(n, "connection")) return connection;
      if (is(n, "keep-alive")) return hop_by_hop;
      return is(n, "tracestate") || is(n, "set-cookie") ? kept : plain;
    case 11:
      return is(n, "retry-after") ? retry_after : is(n, "traceparent") ? kept : plain;
    case 12:
      return is(n, "content-type")   ? content_type
             : is(n, "x-request-id") ? request_id
             : is(n, "max-forwards") ? max_forwards
                                     : plain;
    case 13:
      if (is(n, "authorization") || is(n, "cache-control")) return kept;
      break;
    case 14:
      if (is(n, "content-length")) return content_length;
      if (is(n, "http2-settings")) return hop_by_hop;
      break;
    case 15:
      if (is(n, "x-forwarded-for")) return forwarded_for;
      if (is(n, "x-model-version")) return model_version;
      break;
    case 16:
      if (is(n, "content-encoding")) return kept;
      if (is(n, "content-location")) return location;
      if (is(n, "proxy-connection")) return hop_by_hop;
      if (is(n, "x-forwarded-host")) return forwarded_host;
      if (is(n, "x-forwarded-port")) return forwarded_port;
      break;
    case 17:
      if (is(n, "transfer-encoding")) return transfer_encoding;
      if (is(n, "x-forwarded-proto")) return forwarded_proto;
      break;
    case 18:
      if (is(n, "proxy-authenticate")) return hop_by_hop;
      break;
    case 19:
      if (is(n, "proxy-authorization")) return hop_by_hop;
      break;
    case 25:
      if (is(n, "proxy-authentication-info")) return hop_by_hop;
      break;
    case 31:
      return is(n, "inference-header-content-length") ? kept : plain;
    default:
      break;
  }
  return name.size() > 12 && is(n, "x-forwarded-") ? forwarded : plain;
}

constexpr std::size_t longest_own = 64;

/// Whether `name` says with `_` what the gateway, or the framing, says with `-`.
bool is_alias(std::string_view name) {
  std::array<char, longest_own> hyphened;
  if (name.size() > hyphened.size()) return false;
  std::replace_copy(name.begin(), name.end(), hyphened.begin(), '_', '-');
  switch (literal_kind({hyphened.data(), name.size()})) {
    case FieldKind::hop_by_hop:
    case FieldKind::content_length:
    case FieldKind::transfer_encoding:
    case FieldKind::forwarded_for:
    case FieldKind::forwarded_host:
    case FieldKind::forwarded_proto:
    case FieldKind::forwarded_port:
    case FieldKind::forwarded:
    case FieldKind::request_id:
      return true;
    case FieldKind::plain:
    case FieldKind::kept:
    case FieldKind::connection:
    case FieldKind::host:
    case FieldKind::expect:
    case FieldKind::model_version:
    case FieldKind::date:
    case FieldKind::content_type:
    case FieldKind::retry_after:
    case FieldKind::location:
    case FieldKind::max_forwards:
      break;
  }
  return false;
}

}  // namespace

FieldKind field_kind(std::string_view name) {
  const FieldKind kind = literal_kind(name);
  if (kind != FieldKind::plain || name.find('_') == std::string_view::npos) return kind;
  return is_alias(name) ? FieldKind::hop_by_hop : FieldKind::plain;
}

}  // namespace canary::http

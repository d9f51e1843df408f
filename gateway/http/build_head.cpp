#include "http/build_head.hpp"

#include <charconv>
#include <cstring>

#include "http/upgrade.hpp"

namespace canary::http {

using base::TextBuffer;

namespace {

constexpr std::string_view crlf = "\r\n";

void append_line(TextBuffer& out, std::string_view name_and_colon, std::string_view value) {
  out.append(name_and_colon, value, crlf);
}

void append_number(TextBuffer& out, std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

void append_number_line(TextBuffer& out, std::string_view name_and_colon, std::uint64_t number) {
  out.append(name_and_colon);
  append_number(out, number);
  out.append(crlf);
}

void append_length(TextBuffer& out, std::uint64_t length) {
  append_number_line(out, "Content-Length: ", length);
}

/// A parsed field as `name: value`. Nearly all stand like that in the head they come from: those
/// leave in one copy. The head ends in an empty line, so two bytes follow every value.
void append_field(TextBuffer& out, const Field& field) {
  const char* const name_end = field.name.data() + field.name.size();
  const char* const value_end = field.value.data() + field.value.size();
  if (field.value.data() == name_end + 2 && name_end[1] == ' ' &&
      std::memcmp(value_end, "\r\n", 2) == 0) {
    const auto size = static_cast<std::size_t>(value_end + 2 - field.name.data());
    out.append(std::string_view(field.name.data(), size));
    return;
  }
  out.append(field.name, ": ", field.value, crlf);
}

/// What a trusted peer says of the original request; what it does not say, we say.
struct Claims {
  bool host = false, proto = false, port = false, addresses = false;
  bool any() const { return host || proto || port || addresses; }
};

/// Passes on what is meant for the upstream.
Claims append_request_fields(TextBuffer& out, const RequestHead& request, bool trusted) {
  Claims claims;
  for (const Field& field : request.fields()) {
    switch (field.kind) {
      case FieldKind::plain:
        if (request.connection().removes(field.name, field.kind)) break;
        append_field(out, field);
        break;
      case FieldKind::kept:
      case FieldKind::model_version:
      case FieldKind::date:
      case FieldKind::content_type:
      case FieldKind::retry_after:
      case FieldKind::location:
        append_field(out, field);
        break;
      case FieldKind::forwarded_for:
        claims.addresses |= trusted && !field.value.empty();
        break;
      case FieldKind::forwarded_host:
        claims.host |= trusted;
        if (trusted) append_field(out, field);
        break;
      case FieldKind::forwarded_proto:
        claims.proto |= trusted;
        if (trusted) append_field(out, field);
        break;
      case FieldKind::forwarded_port:
        claims.port |= trusted;
        if (trusted) append_field(out, field);
        break;
      case FieldKind::forwarded:
        if (trusted) append_field(out, field);
        break;
      case FieldKind::max_forwards:  // what is counted is restated
        if (request.max_forwards < 0) append_field(out, field);
        break;
      case FieldKind::hop_by_hop:
      case FieldKind::connection:
      case FieldKind::host:
      case FieldKind::content_length:
      case FieldKind::transfer_encoding:
      case FieldKind::expect:
      case FieldKind::request_id:
        break;
    }
  }
  return claims;
}

/// What the gateway says of the request, in as few copies as it can. A port beside a trusted peer's
/// own host or scheme could contradict them: it is that peer's to say.
void append_own_fields(TextBuffer& out, const RequestHead& request,
                       const ForwardedRequest& forwarded, const Claims& claims) {
  // Via names the version that the request came in with (RFC 9110, 7.6.3).
  out.append(request.http_1_0 ? "Via: 1.0 canary-gateway\r\nX-Forwarded-For: "
                              : "Via: 1.1 canary-gateway\r\nX-Forwarded-For: ");
  const bool host = !claims.host && !request.authority.empty();
  if (!claims.any() && host) {
    out.append(forwarded.client_address,
               "\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: ", request.authority,
               "\r\nX-Forwarded-Port: ", forwarded.port, "\r\nX-Request-Id: ", forwarded.request_id,
               crlf);
    return;
  }
  if (claims.addresses) {
    for (const Field& field : request.fields()) {
      if (field.kind != FieldKind::forwarded_for || field.value.empty()) continue;
      out.append(field.value, ", ");
    }
  }
  append_line(out, forwarded.client_address, {});
  if (!claims.proto) out.append("X-Forwarded-Proto: http\r\n");
  if (host) append_line(out, "X-Forwarded-Host: ", request.authority);
  if (!claims.host && !claims.proto && !claims.port)
    append_line(out, "X-Forwarded-Port: ", forwarded.port);
  append_line(out, "X-Request-Id: ", forwarded.request_id);
}

/// Passes on what is meant for the client. Returns whether there was a Date.
bool append_response_fields(TextBuffer& out, const ResponseHead& response) {
  bool dated = false;
  for (const Field& field : response.fields()) {
    switch (field.kind) {
      case FieldKind::date:
        dated = true;
        [[fallthrough]];
      case FieldKind::plain:
        if (response.connection().removes(field.name, field.kind)) break;
        [[fallthrough]];
      case FieldKind::kept:
      case FieldKind::content_type:
      case FieldKind::retry_after:
      case FieldKind::location:
      case FieldKind::host:
      case FieldKind::expect:
      case FieldKind::forwarded_for:
      case FieldKind::forwarded_host:
      case FieldKind::forwarded_proto:
      case FieldKind::forwarded_port:
      case FieldKind::forwarded:
      case FieldKind::max_forwards:
        append_field(out, field);
        break;
      case FieldKind::hop_by_hop:
      case FieldKind::connection:
      case FieldKind::content_length:
      case FieldKind::transfer_encoding:
      case FieldKind::request_id:
      case FieldKind::model_version:
        break;
    }
  }
  return dated;
}

void append_status_line(TextBuffer& out, std::uint16_t status, std::string_view reason) {
  out.append("HTTP/1.1 ");
  append_number(out, status);
  out.append(' ');
  append_line(out, reason, {});
}

void append_identity(TextBuffer& out, std::string_view request_id, std::string_view version) {
  if (!request_id.empty()) append_line(out, "X-Request-Id: ", request_id);
  if (!version.empty()) append_line(out, "X-Model-Version: ", version);
}

void append_connection(TextBuffer& out, bool close, bool to_http_1_0) {
  if (close)
    out.append("Connection: close\r\n");
  else if (to_http_1_0)  // without it that client takes the connection for closed
    out.append("Connection: keep-alive\r\n");
}

bool has_no_length(std::uint16_t status) { return status < 200 || status == 204; }

/// Restates the framing. Returns whether the body's end shows without closing the connection.
bool append_response_framing(TextBuffer& out, const ResponseHead& response,
                             const ForwardedResponse& forwarded) {
  switch (response.framing) {
    case Framing::length:
      append_length(out, response.content_length);
      return true;
    case Framing::none: {
      const bool tells = response.find("Content-Length").data() != nullptr;
      if (tells && !has_no_length(response.status)) append_length(out, response.content_length);
      return true;
    }
    case Framing::chunked:
    case Framing::until_close:
      break;
  }
  if (!forwarded.chunked || forwarded.to_http_1_0) return false;
  out.append("Transfer-Encoding: chunked\r\n");
  return true;
}

}  // namespace

void build_request_head(TextBuffer& out, const RequestHead& request,
                        const ForwardedRequest& forwarded) {
  out.append(request.method, " ", request.path);
  if (request.query.data() != nullptr) {
    out.append("?", request.query);
  }
  append_line(out, " HTTP/1.1\r\nHost: ", forwarded.host);
  const auto claims = append_request_fields(out, request, forwarded.trust_forwarded);
  if (request.max_forwards > 0)
    append_number_line(out, "Max-Forwards: ", static_cast<std::uint64_t>(request.max_forwards) - 1);
  append_own_fields(out, request, forwarded, claims);
  if (request.framing == Framing::length) append_length(out, request.content_length);
  if (request.framing == Framing::chunked) out.append("Transfer-Encoding: chunked\r\n");
  if (!request.upgrade.empty()) {
    out.append("Connection: upgrade\r\nUpgrade: ");
    append_protocols(out, request.upgrade);
    out.append(crlf);
  }
  out.append(crlf);
}

void build_response_head(TextBuffer& out, const ResponseHead& response,
                         const ForwardedResponse& forwarded) {
  append_status_line(out, response.status, response.reason);
  const bool dated = append_response_fields(out, response);
  append_identity(out, forwarded.request_id, forwarded.model_version);
  const bool delimited = append_response_framing(out, response, forwarded);
  if (response.status >= 200) {
    if (!dated && !forwarded.date.empty()) append_line(out, "Date: ", forwarded.date);
    append_connection(out, forwarded.close || !delimited, forwarded.to_http_1_0);
  } else if (!forwarded.upgrade.empty()) {
    append_line(out, "Connection: upgrade\r\nUpgrade: ", forwarded.upgrade);
  }
  out.append(crlf);
}

void build_own_response(TextBuffer& out, const OwnResponse& response) {
  append_status_line(out, response.status, reason_phrase(response.status));
  const bool bodiless = has_no_length(response.status) || response.status == 304;
  if (!bodiless) {
    append_line(out, "Content-Type: ", response.content_type);
    append_length(out, response.body.size());
  }
  if (!response.date.empty()) append_line(out, "Date: ", response.date);
  append_identity(out, response.request_id, response.model_version);
  out.append(response.extra);
  if (response.status >= 200) append_connection(out, response.close, response.to_http_1_0);
  out.append(crlf);
  if (!bodiless && !response.to_head) out.append(response.body);
}

}  // namespace canary::http

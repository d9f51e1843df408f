// Heads are built from scratch, never edited: own request or status line, own Host, own framing,
// no hop-by-hop fields, none that Connection lists. Each function appends to `out`.
#pragma once

#include <string>

#include "base/text_buffer.hpp"
#include "http/request_head.hpp"
#include "http/response_head.hpp"

namespace canary::http {

/// What the gateway adds to a request. All values are known to be free of CR, LF and NUL.
struct ForwardedRequest {
  std::string_view host = {};            // what the Host field says
  std::string_view client_address = {};  // the peer's, appended to or put into X-Forwarded-For
  std::string_view port = {};            // the one that the client asked at
  std::string_view request_id = {};
  bool trust_forwarded = false;  // the peer may set X-Forwarded-* and Forwarded
};
/// The head for the upstream. Body framing is restated: one Content-Length or one
/// `Transfer-Encoding: chunked`. Expect is dropped (it was answered). Upgrade is restated where the
/// request may switch (RequestHead::upgrade). Adds Via and X-Request-Id, and X-Forwarded-For,
/// X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port; drops the client's own X-Forwarded-*,
/// Forwarded and X-Real-IP unless trusted: then they are kept, X-Forwarded-For is appended to, and
/// no X-Forwarded-Port is put beside a scheme or host that the peer has said.
void build_request_head(base::TextBuffer& out, const RequestHead& request,
                        const ForwardedRequest& forwarded);

/// What the gateway adds to a response.
struct ForwardedResponse {
  std::string_view request_id = {};
  std::string_view model_version = {};  // empty: no X-Model-Version
  std::string_view date = {};           // IMF-fixdate, for a response without Date; empty: none
  std::string_view upgrade = {};        // of a 101: the protocol that it switches to
  bool to_http_1_0 = false;
  bool close = false;    // say Connection: close
  bool chunked = false;  // a body without a length leaves chunked (never to HTTP/1.0)
};
/// The head for the client. With Framing::length the Content-Length is restated; a HEAD's or 304's
/// Content-Length is passed on. The upstream's own X-Request-Id and X-Model-Version are dropped. A
/// body that leaves neither with a length nor chunked says `Connection: close`, asked or not.
void build_response_head(base::TextBuffer& out, const ResponseHead& response,
                         const ForwardedResponse& forwarded);

/// An answer of the gateway itself, head and body.
struct OwnResponse {
  std::uint16_t status = 500;
  std::string_view content_type = "application/json";
  std::string_view body = {};
  std::string_view request_id = {};     // empty: none
  std::string_view model_version = {};  // empty: none
  std::string_view date = {};           // IMF-fixdate; empty: none
  std::string_view extra = {};          // whole field lines with CRLF, such as "Retry-After: 1\r\n"
  bool close = false;
  bool to_http_1_0 = false;
  bool to_head = false;  // send no body, but its length
};
void build_own_response(base::TextBuffer& out, const OwnResponse& response);

/// `{"error":{"code":"...","message":"...","request_id":"..."}}`
void append_error_body(std::string& out, std::string_view code, std::string_view message,
                       std::string_view request_id);

/// The standard reason phrase, or "Unknown".
std::string_view reason_phrase(std::uint16_t status);

/// A request id that may be taken from a client: ^[A-Za-z0-9._:-]{1,128}$
bool sane_request_id(std::string_view id);

}  // namespace canary::http

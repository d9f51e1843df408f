// A request head behind the strict gate: nothing that RFC 9112 calls ambiguous comes out of
// parse(). Scratch to be used again: parse() allocates nothing.
#pragma once

#include <array>
#include <span>

#include "http/connection_options.hpp"
#include "http/message.hpp"

namespace canary::http {

class RequestHead {
 public:
  /// `head` is one whole head, its empty line included (see find_head_end). The views below point
  /// into it. After a refusal only the refusal means anything.
  Refusal parse(std::string_view head, const HeadLimits& limits);

  std::string_view method, target;
  std::string_view path, query;  // of an origin-form or absolute-form target; "*" for OPTIONS *;
                                 // query.data() is null without a '?'
  std::string_view authority;    // absolute-form's, else the Host field's; empty: HTTP/1.0, none
  std::string_view port;         // the authority's; empty: it says none
  bool http_1_0 = false;
  bool keep_alive = true;            // what the client asks for
  bool expect_continue = false;      // it waits for 100 before it sends its body
  bool is_head = false;              // HEAD: the response has no body
  bool idempotent = false;           // GET HEAD OPTIONS PUT DELETE TRACE (RFC 9110, 9.2.2)
  Framing framing = Framing::none;   // none, length or chunked
  std::uint64_t content_length = 0;  // with Framing::length
  std::int64_t max_forwards = -1;    // of OPTIONS and TRACE (RFC 9110, 7.6.2); -1: none
  std::string_view upgrade;          // what it may switch to (upgrade.hpp); empty: nothing
  std::string_view request_id;       // the first X-Request-Id

  std::span<const Field> fields() const { return {fields_.data(), count_}; }
  /// The first field of that name (ASCII case-insensitive); data() is null when absent.
  std::string_view find(std::string_view name) const;
  const ConnectionOptions& connection() const { return connection_; }

 private:
  friend class RequestParser;
  ConnectionOptions connection_;
  std::array<Field, max_fields> fields_;
  std::size_t count_ = 0;
};

}  // namespace canary::http

// A request head behind the strict gate: nothing that RFC 9112 calls ambiguous comes out of
// parse(). What it says are views into bytes that lie elsewhere: while these stay, it is a
// ParsedRequestHead, which is scratch to be used again; beyond them, a HeldRequestHead.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "http/connection_options.hpp"
#include "http/message.hpp"

namespace canary::http {

class RequestHead {
 public:
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

  std::span<const Field> fields() const { return {first_, count_}; }
  /// The first field of that name (ASCII case-insensitive); data() is null when absent.
  std::string_view find(std::string_view name) const;
  const ConnectionOptions& connection() const { return connection_; }

 protected:
  ConnectionOptions connection_;
  const Field* first_ = nullptr;
  std::size_t count_ = 0;
};

/// One that was read just now, with room for its fields. parse() allocates nothing.
class ParsedRequestHead final : public RequestHead {
 public:
  /// `head` is one whole head, its empty line included (see find_head_end). The views point into
  /// it. After a refusal only the refusal means anything.
  Refusal parse(std::string_view head, const HeadLimits& limits);

 private:
  friend class RequestParser;
  std::array<Field, max_fields> fields_;
};

/// One that outlives the bytes it was read from: in a block of its own, of about their size.
class HeldRequestHead final : public RequestHead {
 public:
  /// `text`: the bytes that the views of `head` point into.
  HeldRequestHead(const RequestHead& head, std::string_view text);
  HeldRequestHead(const HeldRequestHead&) = delete;
  HeldRequestHead& operator=(const HeldRequestHead&) = delete;

 private:
  std::unique_ptr<Field[]> fields_;
  std::unique_ptr<char[]> text_;
};

}  // namespace canary::http

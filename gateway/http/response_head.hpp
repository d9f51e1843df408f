// An upstream's response head behind the strict gate. A refusal here is the upstream's fault (502).
#pragma once

#include <array>
#include <span>

#include "http/connection_options.hpp"
#include "http/message.hpp"

namespace canary::http {

class ResponseHead {
 public:
  /// `head` is one whole head. `to_head`: it answers a HEAD request, so it has no body whatever its
  /// fields say. 1xx heads parse too: the caller loops, and asks upgrade.hpp about a 101.
  Refusal parse(std::string_view head, bool to_head, const HeadLimits& limits);

  std::uint16_t status = 0;
  std::string_view reason;  // visible ASCII, spaces and tabs; may be empty
  bool http_1_0 = false;
  bool keep_alive = true;         // the upstream will take another request on this connection
  bool retry_after = false;       // has a Retry-After field
  bool location = false;          // has a Location or Content-Location field
  std::string_view content_type;  // the first Content-Type
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;  // with Framing::none: of the body it tells of

  std::span<const Field> fields() const { return {fields_.data(), count_}; }
  /// For values that are replaced before the head is built anew; the new ones live elsewhere.
  std::span<Field> fields() { return {fields_.data(), count_}; }
  std::string_view find(std::string_view name) const;
  const ConnectionOptions& connection() const { return connection_; }

 private:
  friend class ResponseParser;
  ConnectionOptions connection_;
  std::array<Field, max_fields> fields_;
  std::size_t count_ = 0;
};

}  // namespace canary::http

// The header section of either direction, read line by line and kept as slices of the head. What
// both directions refuse is refused here; a direction's own rules come with each field.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/connection_options.hpp"
#include "http/message.hpp"

namespace canary::http {

/// The framing fields of one head, as they were sent.
struct FramingFields {
  std::size_t lengths = 0, codings = 0;  // how many Content-Length, Transfer-Encoding lines
  std::string_view coding;               // the last Transfer-Encoding
  std::uint64_t length = 0;              // the first Content-Length
  bool length_is_bad = false;            // one of them is not 1*DIGIT, or is too large
  bool lengths_differ = false;

  void add_length(std::string_view value);
  bool is_chunked() const;  // exactly one Transfer-Encoding that says exactly `chunked`
};

class FieldReader {
 public:
  FieldReader(std::array<Field, max_fields>& fields, std::size_t& count, std::size_t limit,
              ConnectionOptions& connection)
      : fields_(fields), count_(count), limit_(limit), connection_(connection) {}

  /// Reads from `at`, behind the first line of a head that ends_as_head(), to the empty line, and
  /// shows each field to `accept`, which refuses or does not. A refusal ends the reading.
  template <class Accept>
  Refusal read(const char* at, const char* end, Accept&& accept) {
    while (*at != '\r' && read_line(at, end)) {
      if (const Refusal refusal = accept(fields_[count_ - 1])) return refusal;
    }
    if (!refusal_ && at + 2 != end) refuse("the head is not one head");
    return refusal_;
  }

  const FramingFields& framing() const { return framing_; }

 private:
  bool read_line(const char*& at, const char* end);  // moves on; false: refusal_
  bool add(std::string_view name, std::string_view value);
  bool refuse(std::string_view why);  // false

  std::array<Field, max_fields>& fields_;
  std::size_t& count_;
  std::size_t limit_;
  ConnectionOptions& connection_;
  FramingFields framing_{};
  Refusal refusal_{};
};

/// The first field of that name among `count`; data() is null when absent.
std::string_view find_field(const Field* fields, std::size_t count, std::string_view name);

}  // namespace canary::http

// What Beast's parser reports of a header section, kept as slices of the head and nothing else.
// Shared by both directions; the direction's own rules come after it.
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

struct FieldSink {
  std::string_view head;
  std::array<Field, max_fields>& fields;
  std::size_t& count;
  std::size_t limit;
  ConnectionOptions& connection;
  FramingFields framing{};

  /// Keeps one field. Refuses obs-fold, too many fields, too long a Connection list.
  Refusal add(std::string_view name, std::string_view value);
};

/// The first field of that name among `count`; data() is null when absent.
std::string_view find_field(const Field* fields, std::size_t count, std::string_view name);

}  // namespace canary::http

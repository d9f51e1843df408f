#include "http/field_sink.hpp"

#include "base/text.hpp"
#include "http/syntax.hpp"

namespace canary::http {
namespace {

/// Beast unfolds obs-fold: into a buffer of its own, or, when the first line is empty, by starting
/// the value on a later line. Both show in the distance from the name to the value.
bool is_folded(std::string_view head, std::string_view name, std::string_view value) {
  const auto begin = reinterpret_cast<std::uintptr_t>(name.data() + name.size()) + 1;
  const auto end = reinterpret_cast<std::uintptr_t>(value.data());
  const auto head_end = reinterpret_cast<std::uintptr_t>(head.data() + head.size());
  if (end < begin || end > head_end) return true;
  for (const char* p = name.data() + name.size() + 1; p != value.data(); ++p)
    if (*p != ' ' && *p != '\t') return true;
  return false;
}

}  // namespace

void FramingFields::add_length(std::string_view value) {
  std::uint64_t parsed = 0;
  if (!parse_length(value, parsed)) length_is_bad = true;
  if (lengths++ == 0)
    length = parsed;
  else if (parsed != length)
    lengths_differ = true;
}

bool FramingFields::is_chunked() const { return codings == 1 && base::iequals(coding, "chunked"); }

Refusal FieldSink::add(std::string_view name, std::string_view value) {
  if (is_folded(head, name, value)) return {400, "bad_request", "a field is folded over lines"};
  if (count == limit)
    return {431, "header_too_large", "there are more fields than limits.header_count"};
  const FieldKind kind = field_kind(name);
  fields[count++] = {name, value, kind};
  if (kind == FieldKind::content_length) {
    framing.add_length(value);
  } else if (kind == FieldKind::transfer_encoding) {
    ++framing.codings;
    framing.coding = value;
  } else if (kind == FieldKind::connection && !connection.add(value)) {
    return {400, "bad_request", "Connection lists too many fields"};
  }
  return {};
}

std::string_view find_field(const Field* fields, std::size_t count, std::string_view name) {
  for (std::size_t i = 0; i < count; ++i)
    if (base::iequals(fields[i].name, name)) return fields[i].value;
  return {};
}

}  // namespace canary::http

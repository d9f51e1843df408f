#include "http/field_reader.hpp"

#include "base/text.hpp"
#include "http/scan.hpp"

namespace canary::http {
namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
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

// field-line = field-name ":" OWS field-value OWS CRLF (RFC 9112, 5), without obs-fold.
bool FieldReader::read_line(const char*& at, const char* end) {
  const char* const name = at;
  const char* const name_end = skip_token(name);
  if (name_end == name || *name_end != ':') {
    if (*name == ' ' || *name == '\t') return refuse("a field is folded over lines");
    return refuse("a field name is not valid");
  }
  const char* const value = skip_blanks(name_end + 1);
  const char* value_end = skip_value(value, end);
  if (!at_crlf(value_end)) return refuse("a field value is not valid");
  at = value_end + 2;
  while (value_end != value && (value_end[-1] == ' ' || value_end[-1] == '\t')) --value_end;
  return add(between(name, name_end), between(value, value_end));
}

bool FieldReader::add(std::string_view name, std::string_view value) {
  if (count_ == limit_) {
    refusal_ = {431, "header_too_large", "there are more fields than limits.header_count"};
    return false;
  }
  const FieldKind kind = field_kind(name);
  fields_[count_++] = {name, value, kind};
  if (kind == FieldKind::content_length) {
    framing_.add_length(value);
  } else if (kind == FieldKind::transfer_encoding) {
    ++framing_.codings;
    framing_.coding = value;
  } else if (kind == FieldKind::connection) {
    if (const std::string_view problem = connection_.add(value); !problem.empty())
      return refuse(problem);
  }
  return true;
}

bool FieldReader::refuse(std::string_view why) {
  refusal_ = {400, "bad_request", why};
  return false;
}

std::string_view find_field(const Field* fields, std::size_t count, std::string_view name) {
  for (std::size_t i = 0; i < count; ++i)
    if (base::iequals(fields[i].name, name)) return fields[i].value;
  return {};
}

}  // namespace canary::http

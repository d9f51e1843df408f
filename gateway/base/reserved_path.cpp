#include "base/reserved_path.hpp"

#include <string>

#include "base/percent.hpp"
#include "base/text.hpp"

namespace canary::base {
namespace {

/// What separates besides a slash. Servers differ in whether a backslash and an encoded slash do.
struct Slashes {
  bool backslash = false, encoded = false;
};
constexpr char encoded_slash = '\x01';  // no path holds it: control characters are refused

/// One round of decoding. False: there was nothing to decode.
bool decode(std::string& path) {
  std::size_t out = 0;
  bool any = false;
  for (std::string_view rest = path; !rest.empty();) {
    const PercentChar next = decode_first(rest);
    rest.remove_prefix(next.length);
    path[out++] = next.is_code() && next.value == '/' ? encoded_slash : next.value;
    any |= next.is_code();
  }
  path.resize(out);
  return any;
}

// Decoded, `?`, `#` and NUL end the path for a server that decodes before it splits.
std::string_view without_end(std::string_view segment) {
  constexpr std::string_view ends(";?#\0", 4);
  segment = segment.substr(0, segment.find_first_of(ends));
  while (!segment.empty() && static_cast<unsigned char>(segment.back()) <= ' ')
    segment.remove_suffix(1);
  return segment;
}

bool is_own_name(std::string_view segment) {
  segment = segment.substr(0, segment.find(':'));
  while (!segment.empty() &&
         (segment.back() == '.' || static_cast<unsigned char>(segment.back()) <= ' '))
    segment.remove_suffix(1);
  return iequals(segment, "internal") || iequals(segment, "ofrep");
}

/// Whether one of our names comes to stand first at any point of the walk. Where servers differ,
/// the reading that leads closer to the root is taken: it finds whatever the others find.
bool leads_to_own(std::string_view path, Slashes slashes) {
  const auto separates = [&](char c) {
    return c == '/' || (slashes.backslash && c == '\\') || (slashes.encoded && c == encoded_slash);
  };
  std::size_t depth = 0;
  for (std::size_t begin = 0; begin <= path.size();) {
    std::size_t end = begin;
    while (end < path.size() && !separates(path[end])) ++end;
    const std::string_view segment = without_end(path.substr(begin, end - begin));
    begin = end + 1;
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      if (depth > 0) --depth;
    } else if (depth++ == 0 && is_own_name(segment)) {
      return true;
    }
  }
  return false;
}

/// In each of the four readings: a separator more can also keep a `..` away from the root.
bool leads_to_own(std::string_view path) {
  const bool backslash = path.find('\\') != std::string_view::npos;
  const bool encoded = path.find(encoded_slash) != std::string_view::npos;
  return leads_to_own(path, {}) || (backslash && leads_to_own(path, {.backslash = true})) ||
         (encoded && leads_to_own(path, {.encoded = true})) ||
         (backslash && encoded && leads_to_own(path, {.backslash = true, .encoded = true}));
}

/// Nearly every path shows by its first letter, and by what it does not hold, that it is another.
bool is_plain(std::string_view path) {
  constexpr std::string_view first = "iIoO/\\;";
  return path.size() > 1 && path.front() == '/' && first.find(path[1]) == std::string_view::npos &&
         path.find('%') == std::string_view::npos && path.find('.') == std::string_view::npos;
}

}  // namespace

bool is_reserved_path(std::string_view path) {
  if (is_plain(path)) return false;
  if (leads_to_own(path)) return true;
  if (path.find('%') == std::string_view::npos) return false;
  constexpr int most_rounds = 8;  // who encodes more often than that is decoded by nobody
  std::string decoded(path);
  for (int round = 0; round < most_rounds && decode(decoded); ++round)
    if (leads_to_own(decoded)) return true;
  return false;
}

}  // namespace canary::base

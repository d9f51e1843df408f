#include "admin/operator_name.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <vector>

#include "base/printable.hpp"

namespace canary::admin {
namespace {

using CodePoints = std::vector<char32_t>;

/// Nothing for a text that is not UTF-8.
std::optional<CodePoints> decode(std::string_view text) {
  CodePoints out;
  while (!text.empty()) {
    const std::size_t length = base::utf8_length(text);
    if (length == 0) return std::nullopt;
    out.push_back(base::utf8_decode(text.substr(0, length)));
    text.remove_prefix(length);
  }
  return out;
}

bool is_space(char32_t c) {
  return c == ' ' || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

/// Combining marks of the common blocks: they stand on the letter before.
bool is_mark(char32_t c) {
  return (c >= 0x0300 && c <= 0x036F) || (c >= 0x1AB0 && c <= 0x1AFF) ||
         (c >= 0x1DC0 && c <= 0x1DFF) || (c >= 0x20D0 && c <= 0x20FF) ||
         (c >= 0xFE20 && c <= 0xFE2F);
}

char32_t lower(char32_t c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; }

/// Whether a person may read it as `gateway`, or as what else asks for a reload. Any letter beyond
/// ASCII may look like any letter: no table of look-alikes is complete, and a name too many only
/// gets its prefix.
bool reads_as_ours(const CodePoints& name) {
  constexpr std::u32string_view gateway = U"gateway";
  std::u32string letters;
  for (const char32_t c : name) {
    if (is_space(c) || is_mark(c)) continue;
    const char32_t letter = lower(c);
    if (c < 0x80 && (letter < 'a' || letter > 'z')) continue;  // `[gate-way]`
    letters += letter;
  }
  for (auto found = letters.find(U"vv"); found != letters.npos; found = letters.find(U"vv"))
    letters.replace(found, 2, U"w");
  if (letters == U"file" || letters == U"sighup") return true;
  if (letters.size() != gateway.size()) return false;
  for (std::size_t i = 0; i < gateway.size(); ++i)
    if (letters[i] < 0x80 && letters[i] != gateway[i]) return false;
  return true;
}

}  // namespace

base::Result<std::string> operator_name(std::string_view name) {
  const auto points = decode(name);
  if (!points) return base::Error("'by' is not UTF-8");
  for (const char32_t c : *points) {
    if (!base::is_hidden(c)) continue;
    char code[16];
    std::snprintf(code, sizeof code, "U+%04X", static_cast<unsigned>(c));
    return base::Error(std::string("'by' holds a character that shows nothing or moves others (") +
                       code + ")");
  }
  const auto edge = [](const auto& each) { return !is_space(each); };
  std::size_t first = 0, last = points->size();
  while (first < last && !edge((*points)[first])) ++first;
  while (last > first && !edge((*points)[last - 1])) --last;
  if (first == last) return base::Error("the body needs 'by': who asks for this");
  // Back to bytes: every character that was cut off is a space of known length.
  const auto bytes = [](char32_t c) -> std::size_t { return c < 0x80 ? 1 : c < 0x800 ? 2 : 3; };
  std::size_t from = 0, to = name.size();
  for (std::size_t i = 0; i < first; ++i) from += bytes((*points)[i]);
  for (std::size_t i = last; i < points->size(); ++i) to -= bytes((*points)[i]);
  std::string kept(name.substr(from, to - from));
  if (reads_as_ours({points->begin() + static_cast<std::ptrdiff_t>(first),
                     points->begin() + static_cast<std::ptrdiff_t>(last)}))
    kept = "operator:" + kept;
  return {boost::system::in_place_value, std::move(kept)};
}

bool is_blank(std::string_view text) {
  const auto points = decode(text);
  return points && std::all_of(points->begin(), points->end(),
                               [](char32_t c) { return is_space(c) || base::is_hidden(c); });
}

}  // namespace canary::admin

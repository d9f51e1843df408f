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

/// Whether the character may be read as the letter. Letters beyond ASCII may look like any: no
/// table of look-alikes is complete, and a name too many only gets its prefix.
bool looks_like(char32_t c, char32_t letter) {
  if (c >= 0x80) return true;
  const std::string_view others = letter == 'g'   ? "69q&"
                                  : letter == 'a' ? "4@"
                                  : letter == 't' ? "7+"
                                  : letter == 'e' ? "3"
                                                  : "";
  return c == letter || others.find(static_cast<char>(c)) != others.npos;
}

/// Whether all of it may be read as `gateway`: each character as the next letter or, unless it is a
/// letter of ASCII, as nothing. Of the seven letters at least one must be ASCII: else every long
/// name in another script would be one.
bool is_gateway(std::u32string_view name) {
  constexpr std::u32string_view gateway = U"gateway";
  // read[n]: so far n letters may have been read; [1] with one of ASCII among them.
  std::array<std::array<bool, 2>, gateway.size() + 1> read{};
  read[0][0] = true;
  for (const char32_t c : name) {
    std::array<std::array<bool, 2>, gateway.size() + 1> next{};
    if (c < 'a' || c > 'z') next = read;
    for (std::size_t n = 0; n < gateway.size(); ++n)
      for (const std::size_t ascii : {0, 1})
        if (read[n][ascii] && looks_like(c, gateway[n])) next[n + 1][c < 0x80 ? 1 : ascii] = true;
    read = next;
  }
  return read[gateway.size()][1];
}

/// Whether a person may read it as `gateway`, or as what else asks for a reload.
bool reads_as_ours(const CodePoints& name) {
  std::u32string signs;
  for (const char32_t c : name)
    if (!is_space(c) && !is_mark(c)) signs += lower(c);
  std::u32string letters;
  for (const char32_t c : signs)
    if (c >= 0x80 || (c >= 'a' && c <= 'z')) letters += c;
  if (letters == U"file" || letters == U"sighup") return true;
  for (const std::u32string_view twice : {U"vv", U"uu"})
    for (auto found = signs.find(twice); found != signs.npos; found = signs.find(twice))
      signs.replace(found, 2, U"w");
  const bool all_foreign =
      std::all_of(letters.begin(), letters.end(), [](char32_t c) { return c >= 0x80; });
  return is_gateway(signs) || (all_foreign && letters.size() == 7);
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

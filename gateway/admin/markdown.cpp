#include "admin/markdown.hpp"

#include "base/printable.hpp"

namespace canary::admin {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

std::string markdown_text(std::string_view text) {
  constexpr std::string_view special = "\\`*[]!|~#$";
  const std::string line = base::printable(text);
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool within_word =
        i > 0 && i + 1 < line.size() && is_word(line[i - 1]) && is_word(line[i + 1]);
    if (c == '<')
      out += "&lt;";
    else if (c == '&')
      out += "&amp;";
    else if (special.find(c) != std::string_view::npos || (c == '_' && !within_word))
      (out += '\\') += c;
    else if (c == ':' && line.compare(i, 3, "://") == 0)
      out += "\\:";  // or it would be a link by itself
    else
      out += c;
  }
  return out;
}

}  // namespace canary::admin

#include "base/json_text.hpp"

#include <charconv>
#include <cmath>

#include "base/printable.hpp"

namespace canary::base {
namespace {

constexpr char hex[] = "0123456789abcdef";

// A JSON escape of one UTF-16 unit; a terminal obeys none.
void append_escape(std::string& out, char32_t unit) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += hex[unit >> shift & 15];
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const char c = text.front();
    std::size_t length = 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      append_escape(out, static_cast<unsigned char>(c));
    } else if (static_cast<unsigned char>(c) < 0x80) {
      out += c;
    } else if (std::size_t n = utf8_length(text)) {
      length = n;
      const char32_t code = utf8_decode(text.substr(0, n));
      if (is_control(code) && code <= 0xFFFF)
        append_escape(out, code);
      else
        out += text.substr(0, n);
    } else {
      out += "\xEF\xBF\xBD";
    }
    text.remove_prefix(length);
  }
  out += '"';
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

void append_json_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char text[32];
  auto [end, ec] = std::to_chars(text, text + sizeof text, value);
  out.append(text, ec == std::errc() ? end : text);
}

}  // namespace canary::base

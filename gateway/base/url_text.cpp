#include "base/url_text.hpp"

#include <algorithm>

namespace canary::base {
namespace {

constexpr std::string_view mark = "://";

bool is_scheme_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '-' || c == '.';
}

/// The scheme that ends before `at`.
std::size_t scheme_length(std::string_view text, std::size_t at) {
  std::size_t begin = at;
  while (begin > 0 && is_scheme_char(text[begin - 1])) --begin;
  return at - begin;
}

}  // namespace

std::string url_origin(std::string_view text) {
  const std::size_t scheme = text.find(mark);
  if (scheme == std::string_view::npos) return "a text that is no URL";
  const std::size_t begin = scheme + mark.size();
  std::string_view authority = text.substr(begin, text.find_first_of("/?#\\", begin) - begin);
  authority.remove_prefix(authority.rfind('@') + 1);  // npos + 1 is 0: there is none
  return std::string(text.substr(0, begin)) + std::string(authority);
}

std::string without_url_secrets(std::string_view text) {
  std::string out;
  for (;;) {
    const std::size_t at = text.find(mark);
    if (at == std::string_view::npos) return out.append(text);
    const std::size_t begin = at - scheme_length(text, at);
    const std::size_t end = std::min(text.find_first_of(" \t\r\n\"'<>", at), text.size());
    const std::string_view url = text.substr(begin, end - begin);
    const std::string shown = url_origin(url);
    out.append(text.substr(0, begin)).append(shown);
    const std::size_t path = url.find_first_of("/?#\\", at - begin + mark.size());
    if (path != std::string_view::npos && url.substr(path) != "/") out += "/...";
    text.remove_prefix(end);
  }
}

}  // namespace canary::base

#include "config/words.hpp"

#include <algorithm>

#include "base/reserved_path.hpp"

namespace canary::config {
namespace {

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

template <class F>
bool all(std::string_view text, F accepts) {
  return std::all_of(text.begin(), text.end(), accepts);
}

bool has(std::string_view set, char c) { return set.find(c) != std::string_view::npos; }

// The front of `text` that consists of digits, taken off.
bool take_digits(std::string_view& text) {
  const std::size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
  text.remove_prefix(count);
  return count > 0;
}

bool is_number(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0o")) return text.size() > 2;
  if (!text.empty() && has("+-", text.front())) text.remove_prefix(1);
  if (text == ".inf" || text == ".Inf" || text == ".INF") return true;
  bool digits = take_digits(text);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    digits = take_digits(text) || digits;
  }
  if (!digits || text.empty()) return digits;
  if (!has("eE", text.front())) return false;
  text.remove_prefix(1);
  if (!text.empty() && has("+-", text.front())) text.remove_prefix(1);
  return take_digits(text) && text.empty();
}

}  // namespace

bool looks_typed(std::string_view text) {
  constexpr std::string_view words[] = {"true",  "True", "TRUE", "false", "False",
                                        "FALSE", ".nan", ".NaN", ".NAN"};
  return is_number(text) || std::find(std::begin(words), std::end(words), text) != std::end(words);
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > 100 || !is_alnum(text.front())) return false;
  return all(text, [](char c) { return is_alnum(c) || has("._-", c); });
}

bool is_token(std::string_view text) {
  if (text.empty() || text.size() > 100) return false;
  return all(text, [](char c) { return is_alnum(c) || has("!#$%&'*+-.^_`|~", c); });
}

bool is_header_value(std::string_view text) {
  if (text.empty() || text.size() > 1000 || has(" \t", text.front()) || has(" \t", text.back()))
    return false;
  return all(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || c == '\t';
  });
}

bool is_query_name(std::string_view text) {
  if (text.empty() || text.size() > 100) return false;
  return all(text, [](char c) { return c > 0x20 && c < 0x7f && !has("&=#+", c); });
}

bool is_path_prefix(std::string_view text) {
  if (!text.starts_with('/') || text.size() > 1000) return false;
  if (base::is_reserved_path(text)) return false;
  return all(text, [](char c) { return c > 0x20 && c < 0x7f && !has("?#", c); });
}

bool is_request_target(std::string_view text) {
  if (!text.starts_with('/') || text.size() > 1000) return false;
  return all(text, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

bool is_served_name(std::string_view text) {
  if (text.empty() || text.size() > 200) return false;
  return all(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_file_path(std::string_view text) {
  if (text.empty() || text.size() > 4095) return false;
  return all(text, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

bool is_variable(std::string_view text) {
  if (text.empty() || text.size() > 100 || (text.front() >= '0' && text.front() <= '9'))
    return false;
  if (text.starts_with("whsec_")) return false;  // a signing secret, not the name of one
  return all(text, [](char c) { return is_alnum(c) || c == '_'; });
}

bool is_channel(std::string_view text) {
  return text.size() <= 100 && is_header_value(text) &&
         all(text, [](char c) { return !has("/:?=%\\ \t", c); });
}

}  // namespace canary::config

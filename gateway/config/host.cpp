#include "config/host.hpp"

#include <algorithm>

#include "base/port.hpp"
#include "base/text.hpp"
#include "config/address.hpp"

namespace canary::config {
namespace {

// RFC 1035, 2.3.4, without the dot at the end.
constexpr std::size_t max_name = 253, max_label = 63;
constexpr std::string_view digits = "0123456789", hex_digits = "0123456789abcdefABCDEF";

bool is_label_char(char c) {
  const char lower = base::to_lower(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool consists_of(std::string_view text, std::string_view set) {
  return text.find_first_not_of(set) == std::string_view::npos;
}

// WHATWG URL, 3.5, "ends in a number": getaddrinfo takes `127.1`, `0x7f.1` and `2130706433` for
// addresses as well, and each reads as another one to somebody.
bool ends_in_number(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  if (last.empty()) return false;
  const bool hex = last.starts_with("0x") || last.starts_with("0X");
  return consists_of(last, digits) || (hex && consists_of(last.substr(2), hex_digits));
}

std::string label_problem(std::string_view label) {
  if (label.empty()) return "a name without empty labels (a dot in front, or two in a row)";
  if (label.size() > max_label)
    return "labels (what stands between two dots) of at most 63 characters, not of " +
           std::to_string(label.size());
  if (!std::all_of(label.begin(), label.end(), is_label_char))
    return "a name of letters, digits, '-', '_' and '.'";
  if (label.front() == '-' || label.back() == '-')
    return "labels (what stands between two dots) that neither begin nor end with '-'";
  return {};
}

std::string name_problem(std::string_view name) {
  if (name.size() > max_name)
    return "a name of at most 253 characters, not of " + std::to_string(name.size());
  while (true) {
    const std::size_t dot = name.find('.');
    if (auto problem = label_problem(name.substr(0, dot)); !problem.empty()) return problem;
    if (dot == std::string_view::npos) return {};
    name.remove_prefix(dot + 1);
  }
}

std::string bracketed_problem(std::string_view text) {
  if (!text.ends_with(']')) return "a ']' behind the IPv6 address";
  const std::string_view inside = text.substr(1, text.size() - 2);
  if (inside.find('%') != std::string_view::npos)
    return "an IPv6 address without zone ('%...'), which means nothing on another host: a global "
           "or unique local one";
  if (inside.find(':') == std::string_view::npos || !parse_ip(inside))
    return "an IPv6 address between the brackets, such as [::1]";
  return {};
}

}  // namespace

std::string host_problem(std::string_view text) {
  if (text.empty()) return "a host, which is missing";
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (!std::all_of(text.begin(), text.end(), is_ascii))
    return "an international name in its ASCII form, which begins with xn--";
  if (text.starts_with('[')) return bracketed_problem(text);
  if (text.find(':') != std::string_view::npos) return "an IPv6 address in brackets, such as [::1]";
  if (text == ".") return "a name in front of the dot";
  const std::string_view name = base::without_final_dot(text);
  if (!ends_in_number(name)) return name_problem(name);
  if (!parse_ip(name))
    return "an IPv4 address as four decimal numbers of 0..255 without leading zeros, such as "
           "127.0.0.1";
  return name.size() == text.size() ? "" : "an address without a dot at its end";
}

base::Result<std::string> parse_host(std::string_view text) {
  const bool has_port = !text.starts_with('[') && text.find(':') != std::string_view::npos;
  if (has_port) return base::Error(std::string(host_rule));
  if (const std::string problem = host_problem(text); !problem.empty())
    return base::Error(std::string(host_rule) + "; " + problem);
  return base::Result<std::string>(boost::system::in_place_value,
                                   base::lower(base::without_final_dot(text)));
}

base::Result<std::string> parse_authority(std::string_view text) {
  const std::size_t colon = text.ends_with(']') ? std::string_view::npos : text.rfind(':');
  const std::string_view host = text.substr(0, colon);
  if (const std::string problem = host_problem(host); !problem.empty())
    return base::Error(std::string(authority_rule) + "; " + problem);
  std::string out(base::without_final_dot(host));
  if (colon != std::string_view::npos) {
    if (base::parse_port(text.substr(colon + 1)) == 0)
      return base::Error(std::string(authority_rule) + " with a port 1..65535");
    out += text.substr(colon);
  }
  return base::Result<std::string>(boost::system::in_place_value, std::move(out));
}

}  // namespace canary::config

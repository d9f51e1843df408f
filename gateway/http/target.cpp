#include "http/target.hpp"

#include <arpa/inet.h>

#include "base/port.hpp"
#include "base/text.hpp"
#include "http/syntax.hpp"

namespace canary::http {
namespace {

constexpr std::string_view http_scheme = "http://";

constexpr Refusal bad_target(std::string_view why) { return {400, "bad_request", why}; }

// RFC 3986, 3.2.3: nothing behind the colon is the scheme's own port. 0 is one that nobody can
// connect to, but it has one reading.
bool is_port(std::string_view text) {
  return text.empty() || text == "0" || base::parse_port(text) != 0;
}

// RFC 3986, 3.2.2: a name is labels between dots, and only the last one may have a dot behind it.
bool has_empty_label(std::string_view name) {
  return name.starts_with('.') || name.find("..") != std::string_view::npos;
}

bool is_ipv6_literal(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN] = {};
  in6_addr address{};
  if (text.size() >= sizeof terminated || text.find('\0') != std::string_view::npos) return false;
  text.copy(terminated, text.size());
  return ::inet_pton(AF_INET6, terminated, &address) == 1;
}

void split_query(std::string_view text, Target& out) {
  const auto mark = text.find('?');
  out.path = text.substr(0, mark);
  if (mark != std::string_view::npos) out.query = text.substr(mark + 1);
}

}  // namespace

bool split_authority(std::string_view text, Authority& out) {
  if (!text.empty() && text.front() == '[') {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return false;
    if (!is_ipv6_literal(text.substr(1, close - 1))) return false;
    const auto rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return false;
    out = {text.substr(0, close + 1), rest.substr(rest.empty() ? 0 : 1)};
    return is_port(out.port);
  }
  std::size_t size = 0;
  while (size != text.size() && is_host_char(text[size])) ++size;
  out = {text.substr(0, size), {}};
  if (size == 0 || has_empty_label(out.host)) return false;
  if (size == text.size()) return true;
  out.port = text.substr(size + 1);
  return text[size] == ':' && is_port(out.port);
}

Refusal split_target(std::string_view method, std::string_view target, Target& out) {
  out = {};
  if (method == "CONNECT") return {501, "not_implemented", "CONNECT is not supported"};
  if (target.starts_with('/')) {
    split_query(target, out);
    return {};
  }
  const bool options = method == "OPTIONS";
  if (target == "*") {
    out.path = target;
    return options ? Refusal{} : bad_target("the target * is for OPTIONS only");
  }
  if (!base::iequals(target.substr(0, http_scheme.size()), http_scheme))
    return bad_target("the target is neither a path nor an http URI");
  const auto rest = target.substr(http_scheme.size());
  const auto end = rest.find_first_of("/?");
  out.authority = rest.substr(0, end);
  Authority parts;
  if (!split_authority(out.authority, parts)) return bad_target("the target's host is not valid");
  out.port = parts.port;
  if (end != std::string_view::npos) split_query(rest.substr(end), out);
  // RFC 9112, 3.2.1 and 3.2.4: an empty path is `/`, and `*` in an OPTIONS request without query.
  if (out.path.empty()) out.path = options && out.query.data() == nullptr ? "*" : "/";
  return {};
}

}  // namespace canary::http

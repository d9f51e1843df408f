#include "net/url.hpp"

#include "base/port.hpp"
#include "base/text.hpp"

namespace canary::net {

base::Result<Url> parse_url(std::string_view text) {
  const auto unusable = [](std::string_view why) {
    return base::Error("not a usable URL: " + std::string(why));
  };
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f)
      return unusable("a space, a control character or a byte beyond ASCII");
  constexpr std::string_view plain = "http://", secured = "https://";
  Url url;
  url.tls = text.starts_with(secured);
  if (!url.tls && !text.starts_with(plain)) return unusable("expected http://host:port");
  if (url.tls) url.port = "443";
  std::string_view rest = text.substr(url.tls ? secured.size() : plain.size());
  const auto end = rest.find_first_of("/?#");
  const std::string_view authority = rest.substr(0, end);
  rest.remove_prefix(authority.size());
  if (rest.find('#') != std::string_view::npos) return unusable("a fragment");
  if (!rest.empty()) url.target = (rest.front() == '?' ? "/" : "") + std::string(rest);
  if (authority.find('@') != std::string_view::npos) return unusable("user information");
  std::string_view host = authority;
  std::string_view port;
  if (host.starts_with('[')) {
    const auto close = host.find(']');
    if (close == std::string_view::npos) return unusable("an unclosed [");
    port = host.substr(close + 1);
    host = host.substr(1, close - 1);
    if (!port.empty() && port.front() != ':') return unusable("text behind ]");
    if (!port.empty()) port.remove_prefix(1);
  } else if (const auto colon = host.find(':'); colon != std::string_view::npos) {
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
  }
  if (host.empty()) return unusable("no host");
  if (!port.empty() && base::parse_port(port) == 0) return unusable("the port is not 1..65535");
  url.host = host;
  if (!port.empty()) url.port = port;
  url.authority = authority;
  const auto name = base::without_final_dot(host);
  if (!authority.starts_with('[')) url.authority.erase(name.size(), host.size() - name.size());
  return url;
}

}  // namespace canary::net

#include "traffic/client_address.hpp"

#include "base/text.hpp"
#include "config/address.hpp"

namespace canary::traffic {
namespace {

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<IpAddress> without_zone(std::string_view text) {
  const auto zone = text.find('%');
  if (zone == std::string_view::npos) return config::parse_ip(text);
  const bool is_v6 = text.substr(0, zone).find(':') != std::string_view::npos;
  return is_v6 ? config::parse_ip(text.substr(0, zone)) : std::nullopt;
}

}  // namespace

std::optional<IpAddress> forwarded_address(std::string_view member) {
  if (member.size() >= 2 && member.front() == '"' && member.back() == '"')
    member = base::trim(member.substr(1, member.size() - 2));
  if (member.starts_with('[')) {
    const auto close = member.find(']');
    if (close == std::string_view::npos) return {};
    const auto rest = member.substr(close + 1);
    const auto inside = member.substr(1, close - 1);
    const bool clean = rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
    if (!clean || inside.find(':') == std::string_view::npos) return {};
    return without_zone(inside);
  }
  // `2001:db8::1:4711` is an address; `192.0.2.1:4711` is none, so that its end is a port.
  if (const auto whole = without_zone(member)) return whole;
  const auto colon = member.rfind(':');
  if (colon == std::string_view::npos || !is_port(member.substr(colon + 1))) return {};
  return without_zone(member.substr(0, colon));
}

void ClientWalk::take(std::string_view line) {
  while (!done_ && !line.empty()) {
    const auto comma = line.rfind(',');
    const bool first = comma == std::string_view::npos;
    take_member(base::trim(first ? line : line.substr(comma + 1)));
    if (++members_ == max_members) done_ = true;
    line = first ? std::string_view{} : line.substr(0, comma);
  }
}

void ClientWalk::take_member(std::string_view member) {
  if (member.empty()) return;
  const auto address = forwarded_address(member);
  if (address) client_ = *address;
  done_ = !address || !is_trusted(trusted_, client_);
}

}  // namespace canary::traffic

#include "notify/address_guard.hpp"

#include <algorithm>

#include "config/address.hpp"
#include "net/local_address.hpp"

namespace canary::notify {
namespace {

using Ip = std::array<std::uint8_t, 16>;

struct Forbidden {
  const char* block;
  const char* why;
};

// ::ffff:0:0/96 is IPv4 as PeerAddress writes it. 64:ff9b::/96 (RFC 6052), 2002::/16 (RFC 3056) and
// ::/96 (RFC 4291, 2.5.5.1) carry an IPv4 address too: it is looked at, see embedded().
constexpr Forbidden forbidden[] = {
    {"0.0.0.0/8", "it means this host"},
    {"::/128", "it means this host"},
    {"169.254.0.0/16", "link-local, cloud metadata"},
    {"fe80::/10", "link-local"},
    {"224.0.0.0/4", "multicast"},
    {"255.255.255.255/32", "broadcast"},
    {"ff00::/8", "multicast"},
    {"100.100.100.200/32", "cloud metadata"},
    {"168.63.129.16/32", "cloud metadata"},
    {"192.0.0.192/32", "cloud metadata"},
    {"fd00:ec2::254/128", "cloud metadata"},
};

bool within(const Ip& ip, const char* block) {
  return config::parse_address_block(block).value().contains(ip);
}

// The IPv4 address that an IPv6 one stands for, in the form of PeerAddress; otherwise the address.
Ip embedded(const Ip& ip) {
  Ip out{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const auto take = [&](std::size_t from) { std::copy_n(ip.begin() + from, 4, out.begin() + 12); };
  if (within(ip, "64:ff9b::/96"))
    take(12);
  else if (within(ip, "2002::/16"))
    take(2);
  else if (within(ip, "::/96") && !within(ip, "::/127"))
    take(12);
  else
    return ip;
  return out;
}

}  // namespace

std::string refusal(const net::PeerAddress& peer, const std::vector<config::ListenAddress>& own) {
  const Ip ip = embedded(peer.ip);
  for (const auto& [block, why] : forbidden)
    if (within(ip, block)) return why;
  for (const auto& address : own)
    if (config::reaches(ip, peer.port, address, net::is_local))
      return "this gateway's own listener";
  return {};
}

}  // namespace canary::notify

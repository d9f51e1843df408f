#include "notify/address_guard.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "config/address.hpp"

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

// Only an address of this host can be bound to.
bool is_local(const Ip& ip) {
  const bool v4 = within(ip, "0.0.0.0/0");
  const int fd = ::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;  // rather refuse than ask ourselves
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  std::copy(ip.begin(), ip.end(), six.sin6_addr.s6_addr);
  sockaddr_in four{};
  four.sin_family = AF_INET;
  std::memcpy(&four.sin_addr, ip.data() + 12, 4);
  const int failed = v4 ? ::bind(fd, reinterpret_cast<const sockaddr*>(&four), sizeof four)
                        : ::bind(fd, reinterpret_cast<const sockaddr*>(&six), sizeof six);
  ::close(fd);
  return failed == 0;
}

bool is_own(const net::PeerAddress& peer, const config::ListenAddress& own) {
  if (peer.port != own.port) return false;
  const auto ip = config::parse_ip(own.host);
  const bool any = ip && (*ip == config::parse_ip("0.0.0.0") || *ip == config::parse_ip("::"));
  return any ? is_local(peer.ip) : ip && *ip == peer.ip;
}

}  // namespace

std::string refusal(const net::PeerAddress& peer, const std::vector<config::ListenAddress>& own) {
  const Ip ip = embedded(peer.ip);
  for (const auto& [block, why] : forbidden)
    if (within(ip, block)) return why;
  for (const auto& address : own)
    if (is_own({ip, peer.port}, address)) return "this gateway's own listener";
  return {};
}

}  // namespace canary::notify

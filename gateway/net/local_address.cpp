#include "net/local_address.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace canary::net {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

// What is sent to an address of this host has that address as its source, loopback's apart. A bind
// would not do: with ip_nonlocal_bind it takes any address.
template <class Socket>
bool is_own_source(int family, Socket to) {
  const int fd = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;
  Socket from{};
  socklen_t length = sizeof from;
  const bool known = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&from), &length) == 0;
  ::close(fd);
  if constexpr (std::is_same_v<Socket, sockaddr_in>)
    return known && from.sin_addr.s_addr == to.sin_addr.s_addr;
  else
    return known && std::memcmp(&from.sin6_addr, &to.sin6_addr, sizeof to.sin6_addr) == 0;
}

}  // namespace

bool is_local(const std::array<std::uint8_t, 16>& ip) {
  constexpr std::uint16_t any_port = 9;
  if (std::equal(mapped_prefix.begin(), mapped_prefix.end(), ip.begin())) {
    const bool unspecified = std::all_of(ip.begin() + 12, ip.end(), [](auto b) { return b == 0; });
    if (ip[12] == 127 || unspecified) return true;
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(any_port);
    std::memcpy(&four.sin_addr, ip.data() + 12, 4);
    return is_own_source(AF_INET, four);
  }
  // :: and ::1
  if (std::all_of(ip.begin(), ip.end() - 1, [](auto b) { return b == 0; }) && ip.back() <= 1)
    return true;
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(any_port);
  std::copy(ip.begin(), ip.end(), six.sin6_addr.s6_addr);
  return is_own_source(AF_INET6, six);
}

}  // namespace canary::net

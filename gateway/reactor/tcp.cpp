#include "reactor/tcp.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace canary::reactor {
namespace {

void set(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

base::Error failure(const char* what, const Address& address, int error) {
  const bool v6 = address.storage.ss_family == AF_INET6;
  const std::string host = host_text(address.storage);
  return base::Error(std::string(what) + " " + (v6 ? "[" + host + "]" : host) + ":" +
                     std::to_string(port_of(address.storage)) + ": " + std::strerror(error));
}

// As inet_ntop() writes it, which takes sprintf() and a tenth of what a connection costs.
std::string v4_text(const void* address) {
  const auto* const bytes = static_cast<const std::uint8_t*>(address);
  char text[INET_ADDRSTRLEN];
  char* end = text;
  for (int i = 0; i < 4; ++i) {
    if (i > 0) *end++ = '.';
    end = std::to_chars(end, text + sizeof text, bytes[i]).ptr;
  }
  return {text, end};
}

int bind_socket(const Address& address, bool reuse_port) {
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  set(fd, SOL_SOCKET, SO_REUSEADDR);
  if (address.ipv6_only) set(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  if (reuse_port) set(fd, SOL_SOCKET, SO_REUSEPORT);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0)
    return fd;
  const int error = errno;
  ::close(fd);
  return -error;
}

}  // namespace

Address numeric_address(const std::string& host, std::uint16_t port) {
  Address address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    address.length = sizeof v4;
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    address.length = sizeof v6;
  }
  return address;
}

std::string host_text(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET)
    return v4_text(&reinterpret_cast<const sockaddr_in&>(address).sin_addr);
  if (address.ss_family != AF_INET6) return {};
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return v4_text(&v6.s6_addr[12]);
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(AF_INET6, &v6, text, sizeof text);
  return text;
}

std::uint16_t port_of(const sockaddr_storage& address) {
  // The port is at the same place in both families.
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

base::Result<int> listen_tcp(const Address& address, bool probe) {
  if (probe) {
    const int fd = bind_socket(address, false);
    if (fd < 0) return failure("cannot listen on", address, -fd);
    ::close(fd);
  }
  const int fd = bind_socket(address, true);
  if (fd < 0) return failure("cannot listen on", address, -fd);
  set(fd, IPPROTO_TCP, TCP_NODELAY);  // what is accepted inherits it
  if (::listen(fd, 4096) != 0) {
    const int error = errno;
    ::close(fd);
    return failure("cannot listen on", address, error);
  }
  return fd;
}

// A filter sees a packet from its TCP header on. Where the kernel refuses it, all is as without it.
void end_handshakes(int listener) {
  constexpr std::uint32_t flags_at = 13, syn = 0x02, ack = 0x10, drop = 0, whole = 0xffffffff;
  std::array<sock_filter, 5> program{{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, flags_at),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, syn | ack),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, syn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, drop),
      BPF_STMT(BPF_RET | BPF_K, whole),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  ::setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

std::uint16_t bound_port(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  return port_of(address);
}

int accept_tcp(int listener, sockaddr_storage& peer) {
  socklen_t length = sizeof peer;
  const int fd = ::accept4(listener, reinterpret_cast<sockaddr*>(&peer), &length,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int connect_tcp(const sockaddr_storage& address, socklen_t length, int below) {
  const int fd = ::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (fd >= below) {
    ::close(fd);
    return -EMFILE;
  }
  set(fd, IPPROTO_TCP, TCP_NODELAY);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), length) == 0 ||
      errno == EINPROGRESS)
    return fd;
  const int error = errno;
  ::close(fd);
  return -error;
}

int connect_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

}  // namespace canary::reactor

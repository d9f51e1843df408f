// Making sockets: listen, accept, connect. Errors are errno values.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <limits>
#include <string>

#include "base/error.hpp"

namespace canary::reactor {

/// A resolved address, as the system calls take it.
struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  bool ipv6_only = false;  // a listener on `::` takes no IPv4: another one does
};

/// Parses a numeric IPv4 or IPv6 address; length 0 when `host` is not one.
Address numeric_address(const std::string& host, std::uint16_t port);
/// "127.0.0.1", "::1"; an IPv4-mapped IPv6 address is written as IPv4.
std::string host_text(const sockaddr_storage& address);
std::uint16_t port_of(const sockaddr_storage& address);

/// A non-blocking listener with SO_REUSEPORT, so that each worker has its own. `probe` first checks
/// with a plain bind that no other process listens there (SO_REUSEPORT alone would share the port
/// with a second gateway silently).
base::Result<int> listen_tcp(const Address& address, bool probe);
/// From now on the listener takes up no new handshake: it is as if the packet were lost, and the
/// client tries again after a second. Those under way come to their end. Closing a listener resets
/// what has not been accepted by then; so nothing more can come between the last accept and the
/// end.
void end_handshakes(int listener);
/// The port a listener is bound to.
std::uint16_t bound_port(int fd);

/// Accepts one connection, non-blocking, TCP_NODELAY as its listener. Returns the descriptor or
/// -errno.
int accept_tcp(int listener, sockaddr_storage& peer);
/// Starts a non-blocking connect. Returns the descriptor (connected, or in progress) or -errno;
/// -EMFILE, and nothing was sent, when the descriptor would be `below` or higher.
int connect_tcp(const sockaddr_storage& address, socklen_t length,
                int below = std::numeric_limits<int>::max());
/// What a connect in progress came to, once the socket is writable: 0 or an errno.
int connect_error(int fd);

}  // namespace canary::reactor

#include "reactor/tcp.hpp"

#include <netinet/tcp.h>

#include <catch2/catch.hpp>

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace canary::reactor {
namespace {

struct Fd {
  explicit Fd(int fd) : fd(fd) {}
  ~Fd() {
    if (fd >= 0) ::close(fd);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int fd;
};

Address here(std::uint16_t port) { return numeric_address("127.0.0.1", port); }

int await_connect(int fd) {
  pollfd ready{fd, POLLOUT, 0};
  REQUIRE(::poll(&ready, 1, 10'000) == 1);
  return connect_error(fd);
}

}  // namespace

TEST_CASE("Addresses are read and written") {
  for (const char* host : {"127.0.0.1", "0.0.0.0", "::1", "2001:db8::7"}) {
    const Address address = numeric_address(host, 8080);
    CHECK(address.length > 0);
    CHECK(host_text(address.storage) == host);
    CHECK(port_of(address.storage) == 8080);
  }
  CHECK(host_text(numeric_address("::ffff:10.1.2.3", 1).storage) == "10.1.2.3");
  CHECK(numeric_address("localhost", 80).length == 0);
  CHECK(host_text(sockaddr_storage{}).empty());
}

TEST_CASE("Port 0 lets the kernel choose, and says what it chose") {
  const Fd listener(listen_tcp(here(0), true).value());
  CHECK(bound_port(listener.fd) != 0);
}

TEST_CASE("Listeners of one process share a port, but the probe refuses a port in use") {
  const Fd first(listen_tcp(here(0), true).value());
  const std::uint16_t port = bound_port(first.fd);
  const Fd second(listen_tcp(here(port), false).value());
  const auto probed = listen_tcp(here(port), true);
  REQUIRE_FALSE(probed.has_value());
  CHECK(probed.error().message() ==
        "cannot listen on 127.0.0.1:" + std::to_string(port) + ": Address already in use");
}

TEST_CASE("An address that is not ours cannot be listened on, and an IPv6 one is bracketed") {
  const auto result = listen_tcp(numeric_address("2001:db8::7", 1234), true);
  REQUIRE_FALSE(result.has_value());
  CHECK_THAT(result.error().message(), Catch::Contains("[2001:db8::7]:1234"));
}

TEST_CASE("A connection is made, accepted without blocking, and names its peer") {
  const Fd listener(listen_tcp(here(0), true).value());
  sockaddr_storage peer{};
  CHECK(accept_tcp(listener.fd, peer) == -EAGAIN);
  const Address address = here(bound_port(listener.fd));
  const Fd client(connect_tcp(address.storage, address.length));
  REQUIRE(client.fd >= 0);
  CHECK(await_connect(client.fd) == 0);
  const Fd accepted(accept_tcp(listener.fd, peer));
  REQUIRE(accepted.fd >= 0);
  CHECK(host_text(peer) == "127.0.0.1");
  CHECK(port_of(peer) == bound_port(client.fd));
  char byte = 0;
  CHECK(::recv(accepted.fd, &byte, 1, 0) == -1);
  CHECK(errno == EAGAIN);
  for (const int fd : {client.fd, accepted.fd}) {
    int on = 0;
    socklen_t length = sizeof on;
    REQUIRE(::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &length) == 0);
    CHECK(on != 0);  // an answer never waits for the acknowledgement of the one before
  }
}

TEST_CASE("A refused connection says so") {
  // Bound and not listening: nobody else gets the port meanwhile.
  const Fd holder(::socket(AF_INET, SOCK_STREAM, 0));
  Address address = here(0);
  REQUIRE(::bind(holder.fd, reinterpret_cast<sockaddr*>(&address.storage), address.length) == 0);
  address = here(bound_port(holder.fd));
  const Fd client(connect_tcp(address.storage, address.length));
  const int error = client.fd < 0 ? -client.fd : await_connect(client.fd);
  CHECK(error == ECONNREFUSED);
}

}  // namespace canary::reactor

// The floor of the comparison: what a proxy on epoll costs that knows nothing of HTTP. Each client
// connection has an upstream connection of its own, and what is read on one is written to the
// other: four system calls per request. No proxy that reads heads can cost less, but by sharing
// upstream connections and buffers better than this one does.
//
// Large answers cost more the smaller its buffer is.
//
//   loadtest_floor [BUFFER_KIB] PORT UPSTREAM_PORT
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

struct Side {
  int fd = -1;
  Side* other = nullptr;
  std::string unsent;  // what the socket did not take
};

std::vector<char> bytes(256 << 10);

int make_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

sockaddr_in loopback(const char* port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  return address;
}

void add(int epoll, Side& side) {
  epoll_event event{EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {.ptr = &side}};
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, side.fd, &event);
}

void end(Side& side) {
  if (side.fd < 0) return;
  ::close(side.fd);
  ::close(side.other->fd);
  side.fd = side.other->fd = -1;  // a pair is never freed: this is a benchmark's process
}

void send_unsent(Side& side) {
  const auto n = ::send(side.fd, side.unsent.data(), side.unsent.size(), MSG_NOSIGNAL);
  if (n > 0) side.unsent.erase(0, static_cast<std::size_t>(n));
}

void pass_on(Side& from) {
  for (Side& to = *from.other; from.fd >= 0 && to.unsent.empty();) {
    const auto n = ::recv(from.fd, bytes.data(), bytes.size(), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return end(from);
    if (n < 0) return;
    const auto sent = ::send(to.fd, bytes.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return end(from);
    const auto taken = sent < 0 ? 0 : sent;
    if (taken < n) to.unsent.assign(bytes.data() + taken, static_cast<std::size_t>(n - taken));
    if (static_cast<std::size_t>(n) < bytes.size()) return;  // a short read: nothing is left
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) return 2;
  if (argc == 4) bytes.resize(static_cast<std::size_t>(std::atoi(*++argv)) << 10);
  const int listener = make_socket(), epoll = ::epoll_create1(EPOLL_CLOEXEC);
  const sockaddr_in own = loopback(argv[1]), upstream = loopback(argv[2]);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) return 1;
  if (::listen(listener, 4096) != 0) return 1;
  epoll_event event{EPOLLIN, {.ptr = nullptr}};
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    epoll_event events[512];
    const int count = ::epoll_wait(epoll, events, 512, -1);
    for (int i = 0; i < count; ++i) {
      auto* side = static_cast<Side*>(events[i].data.ptr);
      if (side == nullptr) {
        const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
        if (fd < 0) continue;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        auto* client = new Side{fd, nullptr, {}};
        client->other = new Side{make_socket(), client, {}};
        ::connect(client->other->fd, reinterpret_cast<const sockaddr*>(&upstream), sizeof upstream);
        add(epoll, *client);
        add(epoll, *client->other);
        continue;
      }
      if (side->fd >= 0 && !side->unsent.empty()) send_unsent(*side);
      if (side->fd >= 0 && (events[i].events & EPOLLIN)) pass_on(*side);
      if (side->fd >= 0 && side->unsent.empty() && (events[i].events & EPOLLOUT))
        pass_on(*side->other);
      if (events[i].events & (EPOLLRDHUP | EPOLLERR)) end(*side);
    }
  }
}

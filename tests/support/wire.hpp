// A blocking socket for the ends of the gateway that a test plays itself: client or model server.
// Every wait ends after ten seconds, so that a test fails instead of hanging. One thread uses it;
// interrupt() may come from another.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace canary::test {

constexpr std::chrono::seconds patience{10};

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// A connected descriptor, or -1. `receive_buffer`: small, for a client that reads slowly.
inline int connect_to(std::uint16_t port, int receive_buffer = 0,
                      std::chrono::milliseconds within = patience) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit{within.count() / 1000, within.count() % 1000 * 1000};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (receive_buffer > 0)
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  const sockaddr_in address = loopback(port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

class Wire {
 public:
  explicit Wire(int fd) : fd_(fd) {
    const timeval limit{patience.count(), 0};
    const int on = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~Wire() { close(); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  int fd() const { return fd_; }
  /// False: the connection is broken.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  /// Appends what comes to `received`; false at the end, which says in `was_reset` how.
  bool receive(std::size_t most = 64 << 10) {
    const std::size_t held = received.size();
    received.resize(held + most);
    const ssize_t n = ::recv(fd_, received.data() + held, most, 0);
    received.resize(held + static_cast<std::size_t>(n > 0 ? n : 0));
    if (n < 0) (errno == EAGAIN ? was_silent : was_reset) = true;
    return n > 0;
  }
  /// Nothing comes, and no end, for so long.
  bool quiet_for(std::chrono::milliseconds time) {
    pollfd ready{fd_, POLLIN, 0};
    return ::poll(&ready, 1, static_cast<int>(time.count())) == 0;
  }
  /// Reads until there are `size` bytes; false when the end comes first.
  bool receive_at_least(std::size_t size) {
    while (received.size() < size)
      if (!receive()) return false;
    return true;
  }
  /// Reads up to the end of the connection.
  std::string receive_all() {
    while (receive()) {
    }
    return received;
  }
  void half_close() { ::shutdown(fd_, SHUT_WR); }
  void close() {
    std::lock_guard lock(mutex_);
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  /// Ends the connection with a reset.
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  /// Makes whoever waits on it find the end.
  void interrupt() {
    std::lock_guard lock(mutex_);
    if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
  }

  std::string received;
  bool was_reset = false, was_silent = false;

 private:
  std::mutex mutex_;  // of fd_, against interrupt()
  int fd_;
};

/// Opens once; whoever waits goes on.
class Gate {
 public:
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

}  // namespace canary::test

// Model servers that do what a test says: each connection runs the script on a thread of its own.
// And addresses that answer nothing at all.
#pragma once

#include <fcntl.h>

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/http_wire.hpp"

namespace canary::test {

/// A bound socket; listens unless `backlog` is negative: then connecting to it is refused.
/// `receive_buffer`: small, for a server that takes little at a time.
inline int bind_loopback(int backlog, std::uint16_t& port, int receive_buffer = 0) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer > 0)
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), length);
  if (backlog >= 0) ::listen(fd, backlog);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  port = ntohs(address.sin_port);
  return fd;
}

class Upstream;

/// One connection as its script sees it.
struct Peer {
  Upstream& upstream;
  Wire& wire;
  int index;  // 0 for the first connection
  /// The next request, which is noted; its head is empty at the end of the connection.
  Message request();
  /// Its head only; read_body(wire, ..., Kind::request) reads on.
  Message request_head();
};

class Upstream {
 public:
  using Script = std::function<void(Peer&)>;

  explicit Upstream(Script script, int receive_buffer = 0) : script_(std::move(script)) {
    listener_ = bind_loopback(64, port, receive_buffer);
    acceptor_ = std::thread([this] { accept(); });
  }
  ~Upstream() {
    ::shutdown(listener_, SHUT_RDWR);  // wakes accept()
    acceptor_.join();
    ::close(listener_);
    for (auto& connection : connections_) connection.wire.interrupt();
    for (auto& connection : connections_) connection.thread.join();
  }

  void note(Message message) {
    std::lock_guard lock(mutex_);
    seen_.push_back(std::move(message));
    changed_.notify_all();
  }
  std::vector<Message> seen() {
    std::lock_guard lock(mutex_);
    return seen_;
  }
  /// Waits until `count` requests were noted.
  bool saw(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return seen_.size() >= count; });
  }
  int connections() const { return accepted_; }
  /// Waits until `count` connections have ended, and their descriptors are free again.
  bool ended(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return ended_ >= count; });
  }

  std::uint16_t port = 0;

 private:
  struct Connection {
    explicit Connection(int fd) : wire(fd) {}
    Wire wire;
    std::thread thread;
  };
  void accept() {
    for (int fd = 0; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      Connection& connection = connections_.emplace_back(fd);
      connection.thread = std::thread([this, &connection, index = accepted_++] {
        Peer peer{*this, connection.wire, index};
        script_(peer);
        connection.wire.close();
        std::lock_guard lock(mutex_);
        ++ended_;
        changed_.notify_all();
      });
    }
  }

  Script script_;
  int listener_ = -1;
  std::thread acceptor_;
  std::list<Connection> connections_;  // the acceptor's, until it is joined
  std::atomic<int> accepted_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Message> seen_;
  int ended_ = 0;
};

inline Message Peer::request() {
  Message message = read_message(wire, Kind::request);
  if (!message.head.empty()) upstream.note(message);
  return message;
}

inline Message Peer::request_head() {
  Message message;
  if (test::read_head(wire, message)) upstream.note(message);
  return message;
}

/// Answers every request of every connection with the same bytes.
inline Upstream::Script always(std::string answer) {
  return [answer = std::move(answer)](Peer& peer) {
    while (!peer.request().head.empty())
      if (!peer.wire.send(answer)) return;
  };
}
/// Answers one request with these bytes and closes.
inline Upstream::Script once(std::string answer) {
  return [answer = std::move(answer)](Peer& peer) {
    peer.request();
    peer.wire.send(answer);
  };
}

/// An address that refuses connections, and that nobody else gets meanwhile.
class RefusingPort {
 public:
  RefusingPort() : fd_(bind_loopback(-1, port)) {}
  ~RefusingPort() { ::close(fd_); }
  std::uint16_t port = 0;

 private:
  int fd_;
};

/// A listener with a full queue: connecting to it neither succeeds nor fails until let_in().
class FullListener {
 public:
  FullListener() : fd_(bind_loopback(0, port)) {
    for (int i = 0; i < 4; ++i) {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      const sockaddr_in address = loopback(port);
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
      fillers_.push_back(fd);
    }
  }
  ~FullListener() {
    leave();
    ::close(fd_);
  }
  /// Takes the fillers out of the queue; returns the next connection behind them: a descriptor.
  int let_in() {
    leave();
    const timeval limit{patience.count(), 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    for (;;) {
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      char byte = 0;
      const timeval soon{0, 1};
      ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
      if (fd < 0 || ::recv(fd, &byte, 1, MSG_PEEK) != 0) return fd;
      ::close(fd);  // a filler that left
    }
  }
  std::uint16_t port = 0;

 private:
  void leave() {
    for (const int fd : fillers_) ::close(fd);
    fillers_.clear();
  }
  int fd_;
  std::vector<int> fillers_;
};

}  // namespace canary::test

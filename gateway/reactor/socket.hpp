// A non-blocking socket in an edge-triggered epoll set. It is registered once, for everything, and
// never modified: the system call is tried first, and EAGAIN (or a short read) clears the flag that
// the next event sets again.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace canary::reactor {

class Socket;

/// Told when a socket of its own has become readable, writable, or was hung up.
class SocketOwner {
 public:
  virtual void on_ready(Socket& socket) = 0;
  /// Its turn comes soon: what on_ready() will touch may be fetched into the cache meanwhile.
  virtual void prefetch() const {}

 protected:
  ~SocketOwner() = default;
};

/// What a system call came to. `again`: wait for an event. `closed`: orderly end of the peer's
/// bytes (receive only). `failed`: the connection is broken; Io::error says how.
enum class IoStatus : std::uint8_t { ok, again, closed, failed };
struct Io {
  IoStatus status = IoStatus::ok;
  int error = 0;
  std::size_t bytes = 0;
};

class Socket {
 public:
  Socket() = default;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  /// Events are told.
  bool watched() const { return watched_; }
  bool readable() const { return readable_; }
  bool writable() const { return writable_; }
  /// The peer closed its side, or the connection broke: seen by epoll, perhaps with bytes unread.
  bool hung_up() const { return hung_up_; }

  /// Neither direction is tried before an event says so (a connect in progress).
  void expect_events() { readable_ = writable_ = false; }

  Io receive(std::span<char> into);
  /// Asks the kernel, whatever events have told: what is there to be read?
  enum class Pending : std::uint8_t { nothing, bytes, end };  // `end`: orderly, or broken
  Pending pending() const;
  bool has_input() const { return pending() != Pending::nothing; }
  Io send(std::span<const char> bytes);
  Io send(std::span<const iovec> parts);
  /// Bytes that the kernel has taken to send, since the connection began.
  std::uint64_t sent() const { return sent_; }
  /// Of these, what the peer's kernel has not acknowledged. A segment acknowledges all that arrived
  /// before it was sent: what has been read from the peer while all of a request is unacknowledged
  /// was sent before any of that request had arrived.
  std::uint64_t unacknowledged() const;
  /// Whether the peer's kernel has acknowledged more than the first so many of them, also on a
  /// connection that has ended by now. True when the kernel does not tell.
  bool acknowledged_beyond(std::uint64_t bytes) const;

  SocketOwner* owner = nullptr;

 private:
  friend class Reactor;
  std::uint64_t sent_ = 0;
  int fd_ = -1;
  bool readable_ = false, writable_ = false, hung_up_ = false, watched_ = false;
};

}  // namespace canary::reactor

#include "reactor/socket.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace canary::reactor {

Io Socket::receive(std::span<char> into) {
  if (!readable_) return {IoStatus::again, 0, 0};
  for (;;) {
    const ssize_t n = ::recv(fd_, into.data(), into.size(), 0);
    if (n > 0) {
      // A short read means drained, unless an end of file is still to be read: it is no new edge.
      if (static_cast<std::size_t>(n) < into.size() && !hung_up_) readable_ = false;
      return {IoStatus::ok, 0, static_cast<std::size_t>(n)};
    }
    if (n == 0) return {IoStatus::closed, 0, 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      readable_ = false;
      return {IoStatus::again, 0, 0};
    }
    return {IoStatus::failed, errno, 0};
  }
}

Socket::Pending Socket::pending() const {
  char byte = 0;
  const ssize_t n = ::recv(fd_, &byte, 1, MSG_PEEK);
  if (n > 0) return Pending::bytes;
  return n < 0 && errno == EAGAIN ? Pending::nothing : Pending::end;
}

Io Socket::send(std::span<const char> bytes) {
  const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  return send(std::span(&part, 1));
}

Io Socket::send(std::span<const iovec> parts) {
  if (!writable_) return {IoStatus::again, 0, 0};
  for (;;) {
    ssize_t n = 0;
    if (parts.size() == 1) {
      n = ::send(fd_, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
    } else {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(parts.data());
      message.msg_iovlen = parts.size();
      n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    }
    if (n >= 0) {
      sent_ += static_cast<std::uint64_t>(n);
      return {IoStatus::ok, 0, static_cast<std::size_t>(n)};
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      writable_ = false;
      return {IoStatus::again, 0, 0};
    }
    return {IoStatus::failed, errno, 0};
  }
}

}  // namespace canary::reactor

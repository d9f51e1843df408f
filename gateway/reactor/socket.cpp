#include "reactor/socket.hpp"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#if defined(__has_feature)
#define CANARY_INTERCEPTED __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#elif defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define CANARY_INTERCEPTED 1
#else
#define CANARY_INTERCEPTED 0
#endif

namespace canary::reactor {
namespace {

// glibc's recv() and send() are cancellation points: in a process with threads, entering and
// leaving one costs more than all that is done here. A sanitizer has to see them.
#if CANARY_INTERCEPTED
ssize_t kernel_recv(int fd, void* into, std::size_t size, int flags = 0) {
  return ::recv(fd, into, size, flags);
}
ssize_t kernel_send(int fd, const void* bytes, std::size_t size) {
  return ::send(fd, bytes, size, MSG_NOSIGNAL);
}
#else
ssize_t kernel_recv(int fd, void* into, std::size_t size, int flags = 0) {
  return ::syscall(SYS_recvfrom, fd, into, size, flags, nullptr, nullptr);
}
ssize_t kernel_send(int fd, const void* bytes, std::size_t size) {
  return ::syscall(SYS_sendto, fd, bytes, size, MSG_NOSIGNAL, nullptr, 0);
}
#endif

}  // namespace

Io Socket::receive(std::span<char> into) {
  if (!readable_) return {IoStatus::again, 0, 0};
  for (;;) {
    const ssize_t n = kernel_recv(fd_, into.data(), into.size());
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
  const ssize_t n = kernel_recv(fd_, &byte, 1, MSG_PEEK);
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
      n = kernel_send(fd_, parts[0].iov_base, parts[0].iov_len);
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

std::uint64_t Socket::unacknowledged() const {
  int bytes = 0;
  return ::ioctl(fd_, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
}

bool Socket::acknowledged_beyond(std::uint64_t bytes) const {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return true;
  if (length < offsetof(tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked) return true;
  return info.tcpi_bytes_acked > bytes + 1;  // the SYN counts as one
}

}  // namespace canary::reactor

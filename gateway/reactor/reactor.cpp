#include "reactor/reactor.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <system_error>

#include "base/prefetch.hpp"

namespace canary::reactor {
namespace {

constexpr std::size_t owner_head = 128;  // what its prefetch() looks at

Socket& socket_of(const epoll_event& event) { return *static_cast<Socket*>(event.data.ptr); }

}  // namespace

const base::Clock& system_clock() {
  static const base::SystemClock clock;
  return clock;
}

Reactor::Reactor(const base::Clock& clock)
    : clock_(clock), time_(clock.mono()), wheel_(time_.now()) {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  try {
    inbox_.open(*this);
  } catch (...) {
    ::close(epoll_);
    throw;
  }
}

// What had given way is gone by now: only its owner could have taken it to the end.
Reactor::~Reactor() {
  free_retired();
  ::close(epoll_);
}

void Reactor::read_clock(base::Duration rest) { time_.read(clock_.mono(), rest); }

bool Reactor::add(Socket& socket, int fd) {
  hold(socket, fd);
  if (watch(socket)) return true;
  const int error = errno;
  ::close(fd);
  errno = error;
  socket.fd_ = -1;
  return false;
}

void Reactor::hold(Socket& socket, int fd) {
  socket.fd_ = fd;
  // Try first: what is not ready answers EAGAIN and an event will follow.
  socket.readable_ = socket.writable_ = true;
  socket.hung_up_ = socket.watched_ = false;
}

bool Reactor::watch(Socket& socket) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &socket;
  socket.watched_ = ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket.fd_, &event) == 0;
  return socket.watched_;
}

void Reactor::close(Socket& socket) {
  if (!socket.open()) return;
  ::close(socket.fd_);  // leaves the epoll set with its last reference
  socket.fd_ = -1;
  socket.owner = nullptr;
}

void Reactor::reset(Socket& socket) {
  if (!socket.open()) return;
  const linger now{1, 0};
  ::setsockopt(socket.fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(socket);
}

void Reactor::note(Socket& socket, std::uint32_t events) {
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
    socket.hung_up_ = true;
    socket.readable_ = true;
  }
  if (events & EPOLLIN) socket.readable_ = true;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) socket.writable_ = true;
}

bool Reactor::look(Socket& socket) {
  // poll(2) and epoll(7) say it with the same bits.
  static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLRDHUP == EPOLLRDHUP);
  pollfd asked{socket.fd_, POLLIN | POLLOUT | POLLRDHUP, 0};
  if (!socket.open() || ::poll(&asked, 1, 0) != 1) return false;
  const bool readable = socket.readable_, writable = socket.writable_, hung_up = socket.hung_up_;
  note(socket, static_cast<std::uint32_t>(asked.revents));
  return readable != socket.readable_ || writable != socket.writable_ || hung_up != socket.hung_up_;
}

void Reactor::dispatch(Socket& socket) {
  if (!socket.owner) return;  // closed earlier in this batch
  read_clock();
  socket.owner->on_ready(socket);
}

// With many connections, little of what an event touches is in the cache. It is asked for while the
// events before it are served: the socket three ahead, its owner two ahead, and what that points to
// one ahead.
void Reactor::prefetch(std::span<const epoll_event> coming) {
  if (coming.size() > 2) base::prefetch(&socket_of(coming[2]), sizeof(Socket));
  if (coming.size() > 1) base::prefetch(socket_of(coming[1]).owner, owner_head);
  if (coming.empty()) return;
  if (const SocketOwner* owner = socket_of(coming[0]).owner) owner->prefetch();
}

void Reactor::after_batch() {
  // What yields again while it resumes waits for the next round, behind fresh events.
  resuming_.swap(yielded_);
  for (Resumable* resumable : resuming_) {
    read_clock();
    resumable->on_resume();
  }
  resuming_.clear();
  free_retired();
}

void Reactor::free_retired() {
  for (std::size_t i = 0; i < retired_.size(); ++i) retired_[i].destroy(retired_[i].object);
  retired_.clear();
}

void Reactor::run() {
  std::array<epoll_event, 256> events;
  while (!stopped_) {
    const int timeout = yielded_.empty() ? wheel_.wait_ms(now()) : 0;
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout);
    read_clock(timeout < 0 ? base::Duration::max() : std::chrono::milliseconds(timeout));
    const std::span batch(events.data(), static_cast<std::size_t>(std::max(count, 0)));
    for (const epoll_event& event : batch) note(socket_of(event), event.events);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      prefetch(batch.subspan(i + 1));
      dispatch(socket_of(batch[i]));
    }
    read_clock();
    wheel_.advance(now());
    after_batch();
  }
}

}  // namespace canary::reactor

#include "reactor/inbox.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "reactor/reactor.hpp"

namespace canary::reactor {

Inbox::~Inbox() {
  if (event_.open()) ::close(event_.fd());
}

void Inbox::open(Reactor& reactor) {
  const int fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  event_.owner = this;
  if (!reactor.add(event_, fd))
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

bool Inbox::post(Call call) {
  {
    std::lock_guard lock(mutex_);
    if (calls_.size() >= capacity) return false;
    calls_.push_back(std::move(call));
  }
  const std::uint64_t one = 1;
  // The counter cannot overflow with this capacity; an error would mean a broken descriptor.
  return ::write(event_.fd(), &one, sizeof one) == sizeof one;
}

void Inbox::on_ready(Socket&) {
  std::uint64_t count = 0;
  while (::read(event_.fd(), &count, sizeof count) < 0 && errno == EINTR) {
  }
  {
    std::lock_guard lock(mutex_);
    running_.swap(calls_);
  }
  for (auto& call : running_) call();
  running_.clear();
}

}  // namespace canary::reactor

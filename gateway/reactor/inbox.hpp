// The only way into a worker: a bounded queue of calls and an eventfd. Any thread posts; the
// worker's reactor runs them, in order, between events.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "reactor/socket.hpp"

namespace canary::reactor {

class Reactor;

class Inbox final : public SocketOwner {
 public:
  static constexpr std::size_t capacity = 1024;
  using Call = std::function<void()>;

  Inbox() = default;
  ~Inbox();
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  /// Creates the eventfd and registers it. By the reactor, at its construction.
  void open(Reactor& reactor);
  /// False when the queue is full: the call will not run.
  bool post(Call call);

 private:
  void on_ready(Socket&) override;

  Socket event_;
  std::mutex mutex_;
  std::vector<Call> calls_;    // guarded by mutex_
  std::vector<Call> running_;  // the reactor's own
};

}  // namespace canary::reactor

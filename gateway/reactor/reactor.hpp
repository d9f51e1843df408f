// One worker's event loop: an edge-triggered epoll set, a timer wheel, an inbox. One thread runs it
// and owns everything registered in it; only inbox().post() may be called from elsewhere.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "reactor/inbox.hpp"
#include "reactor/loop_time.hpp"
#include "reactor/socket.hpp"
#include "reactor/timer_wheel.hpp"

struct epoll_event;

namespace canary::reactor {

/// Something that gave way to others and wants to go on after this batch of events.
class Resumable {
 public:
  virtual void on_resume() = 0;

 protected:
  ~Resumable() = default;
};

/// The system's, for those who are given no other.
const base::Clock& system_clock();

class Reactor {
 public:
  /// What one takes for itself: its epoll set and its inbox's eventfd.
  static constexpr std::size_t descriptors = 2;

  /// `clock` outlives it.
  explicit Reactor(const base::Clock& clock = system_clock());
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Takes over `fd` (non-blocking) for `socket`, whose owner is set. False: the epoll set is full
  /// (errno: ENOSPC, ENOMEM) and the descriptor was closed.
  bool add(Socket& socket, int fd);
  /// Takes it over as add() does, but tells of no event before watch(): for a connection that may
  /// have served its purpose before one would be waited for.
  void hold(Socket& socket, int fd);
  /// False: the epoll set is full.
  bool watch(Socket& socket);
  /// Asks the kernel how the socket is at this moment, whatever events have told, before something
  /// is given up for it. True: there is news.
  static bool look(Socket& socket);
  /// Closes the descriptor; events of this batch that are still to come for it are not delivered.
  void close(Socket& socket);
  /// Closes it with a reset instead of an orderly end.
  void reset(Socket& socket);

  /// Frees `object` after this batch of events, when no event can name its sockets any more.
  template <class T>
  void retire(std::unique_ptr<T> object) {
    retired_.push_back({object.release(), [](void* p) { delete static_cast<T*>(p); }});
  }
  /// Calls resumable.on_resume() after this batch of events, before the next wait.
  void yield(Resumable& resumable) { yielded_.push_back(&resumable); }

  /// The time of the event that is being handled: the clock is read once per event.
  const LoopTime& time() const { return time_; }
  MonoTime now() const { return time_.now(); }
  TimerWheel& wheel() { return wheel_; }
  Inbox& inbox() { return inbox_; }

  /// Runs until stop(), which only the reactor's own thread calls. What a batch of events says of
  /// its sockets is noted before the first owner is told: readable() and hung_up() of any socket
  /// are as new as the batch, whoever is told first.
  void run();
  void stop() { stopped_ = true; }

 private:
  struct Retired {
    void* object;
    void (*destroy)(void*);
  };
  static void note(Socket& socket, std::uint32_t events);
  void dispatch(Socket& socket);
  static void prefetch(std::span<const epoll_event> coming);
  void after_batch();
  void free_retired();
  void read_clock(base::Duration rest = {});

  int epoll_ = -1;
  bool stopped_ = false;
  const base::Clock& clock_;
  LoopTime time_;
  TimerWheel wheel_;
  Inbox inbox_;
  std::vector<Retired> retired_;
  std::vector<Resumable*> yielded_, resuming_;
};

}  // namespace canary::reactor

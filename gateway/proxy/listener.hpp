// Accepts connections for one worker from its own SO_REUSEPORT socket. What is beyond the
// connection limit is turned away as far as there is room even for that, and waits in the kernel's
// queue otherwise. Backs off when descriptors run out, and on drain first empties the queue that
// the kernel has already promised to clients.
#pragma once

#include "reactor/reactor.hpp"

namespace canary::proxy {

class Worker;

class Listener final : reactor::SocketOwner, reactor::Timer, reactor::Resumable {
 public:
  Listener(Worker& worker, int fd);
  ~Listener();

  /// Accepts what waits, as long as the worker can do anything with it.
  void accept();
  /// The same after this batch of events.
  void accept_later();
  /// Empties the queue and closes.
  void drain();

 private:
  void on_ready(reactor::Socket&) override { accept(); }
  void on_timer(reactor::MonoTime) override { accept(); }
  void on_resume() override { accept(); }
  /// Accepts one connection; false when there is none, or none can be had.
  bool accept_one();
  /// Tries again in a while.
  bool back_off();  // false

  Worker& worker_;
  reactor::Socket socket_;
};

}  // namespace canary::proxy

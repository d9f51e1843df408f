// Accepts connections for one worker from its own SO_REUSEPORT socket. What is beyond the
// connection limit is turned away as far as there is room even for that, and waits in the kernel's
// queue otherwise. Backs off when descriptors run out. On drain it first ends the handshakes and
// accepts all that the kernel has promised to clients.
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
  /// Accepts for a moment more, but nothing that begins now, and closes.
  void drain();
  void close();
  bool open() const { return socket_.open(); }

 private:
  void on_ready(reactor::Socket&) override { accept(); }
  void on_timer(reactor::MonoTime) override { accept(); }
  void on_resume() override {
    resumes_ = false;
    accept();
  }
  /// Accepts one connection; false when there is none, or none can be had.
  bool accept_one();
  /// Tries again in a while.
  bool back_off();  // false

  Worker& worker_;
  reactor::Socket socket_;
  bool resumes_ = false;           // it gave way and will go on
  reactor::MonoTime closes_at_{};  // while it drains: as soon as nobody waits then
};

}  // namespace canary::proxy

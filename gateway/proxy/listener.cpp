#include "proxy/listener.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "proxy/worker.hpp"
#include "reactor/tcp.hpp"

namespace canary::proxy {
namespace {

constexpr int accepts_per_turn = 64;
constexpr base::Duration back_off_time = std::chrono::milliseconds(100);
// A handshake that was under way when the drain began has so long to come to its end.
constexpr base::Duration handshake_time = std::chrono::milliseconds(5);
// To accept a long queue; where handshakes could not be ended, it would never be empty.
constexpr base::Duration queue_time = std::chrono::seconds(1);

}  // namespace

Listener::Listener(Worker& worker, int fd) : worker_(worker) {
  socket_.owner = this;
  if (!worker_.reactor().add(socket_, fd))
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

Listener::~Listener() { close(); }

void Listener::close() { worker_.reactor().close(socket_); }

void Listener::accept() {
  if (!socket_.open()) return;
  worker_.look_at_descriptors();
  bool more = true;
  for (int i = 0; more && i < accepts_per_turn; ++i) more = accept_one();
  const base::MonoTime end = more ? closes_at_ + queue_time : closes_at_;
  if (worker_.draining() && worker_.reactor().now() >= end) {
    close();
    worker_.stop_when_drained();
  } else if (more || worker_.draining()) {
    accept_later();  // edge-triggered: the rest would not be announced again
  }
}

void Listener::accept_later() {
  if (!std::exchange(resumes_, true)) worker_.reactor().yield(*this);
}

bool Listener::back_off() {
  worker_.reactor().wheel().arm(*this, worker_.reactor().now() + back_off_time);
  return false;
}

bool Listener::accept_one() {
  if (!worker_.draining() && worker_.overfull()) return back_off();
  sockaddr_storage peer{};
  const int fd = reactor::accept_tcp(socket_.fd(), peer);
  if (fd == -EAGAIN) return false;
  if (fd == -ECONNABORTED || fd == -EINTR || fd == -EPROTO) return true;
  if (fd < 0) {  // EMFILE, ENFILE, ENOMEM, ENOBUFS: others must close first
    worker_.counters().accept_errors.add();
    return back_off();
  }
  const Worker::Admission admission = worker_.admit(fd);
  if (admission == Worker::Admission::none) {
    worker_.counters().accept_errors.add();
    ::close(fd);
    return back_off();
  }
  worker_.counters().accepted.add();
  const bool turned_away = admission == Worker::Admission::turned_away;
  worker_.serve(fd, peer, turned_away);
  return true;
}

void Listener::drain() {
  if (!socket_.open()) return;
  reactor::end_handshakes(socket_.fd());
  closes_at_ = worker_.reactor().now() + handshake_time;
  accept();
}

}  // namespace canary::proxy

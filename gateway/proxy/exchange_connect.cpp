// A new connection to one endpoint.
#include <algorithm>
#include <cerrno>

#include "proxy/exchange.hpp"
#include "proxy/worker.hpp"
#include "reactor/tcp.hpp"

namespace canary::proxy {
namespace {

constexpr Duration listening = std::chrono::milliseconds(50);

}  // namespace

// 0 with upstream_ connected, ETIMEDOUT at the deadline, ECANCELED when the client is gone, or why
// the connect failed. Who leaves when half of the time has passed in vain is told of as the
// deadline: impatient clients must not hide a server that cannot be reached. EPROTO: it spoke
// before it was asked, so that it speaks another protocol, or answers nobody knows whom.
reactor::Task<int> Exchange::connect(const traffic::Endpoint& endpoint) {
  int error = 0;
  upstream_ = worker_.upstreams().connect(endpoint, session_.as_owner(), error);
  const MonoTime began = worker_.reactor().now();
  const Duration patience = model_->settings.timeouts.connect;
  const MonoTime deadline = std::min(began + patience, total_deadline());
  while (error == 0 && !upstream_->socket.writable()) {
    head_fresh_ = false;
    record_.held_up(began);
    const Woken woken = co_await session_.wake(deadline);
    const bool late =
        !upstream_->socket.writable() && worker_.reactor().now() - began >= patience / 2;
    if (woken == Woken::shutdown)
      error = ECANCELED;
    else if (session_.client_gone())
      error = late ? ETIMEDOUT : ECANCELED;
    else if (woken == Woken::expired)
      error = ETIMEDOUT;
  }
  if (error == 0) error = reactor::connect_error(upstream_->socket.fd());
  if (error == 0 && worker_.upstreams().distrusts(endpoint.id)) {
    const bool stays = co_await listen(deadline);
    if (!stays) error = ECANCELED;
  }
  record_.goes_on();
  if (error == 0 && upstream_->socket.pending() == reactor::Socket::Pending::bytes) {
    worker_.upstreams().unasked(upstream_->endpoint);
    error = EPROTO;
  }
  if (error != 0) upstream_.reset();
  co_return error;
}

// What has spoken unasked before is listened to for a moment before it is asked. False: the client
// is gone.
reactor::Task<bool> Exchange::listen(MonoTime deadline) {
  const MonoTime end = std::min(worker_.reactor().now() + listening, deadline);
  Woken woken = Woken::event;
  head_fresh_ = false;
  while (woken == Woken::event && !upstream_->socket.readable()) {
    woken = co_await session_.wake(end);
    if (woken == Woken::shutdown || session_.client_gone()) co_return false;
  }
  co_return true;
}

}  // namespace canary::proxy

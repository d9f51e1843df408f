#include "proxy/upstream_pool.hpp"

#include <algorithm>
#include <iterator>

#include "reactor/tcp.hpp"

namespace canary::proxy {
namespace {

constexpr base::Duration sweep_interval = std::chrono::milliseconds(500);

UpstreamLease pop(std::vector<UpstreamLease>& stack) {
  UpstreamLease lease = std::move(stack.back());
  stack.pop_back();
  return lease;
}

}  // namespace

void UpstreamCloser::operator()(UpstreamConnection* connection) const {
  reactor->close(connection->socket);
  reactor->retire(std::unique_ptr<UpstreamConnection>(connection));
}

UpstreamPool::~UpstreamPool() { clear(); }

UpstreamLease UpstreamPool::take(std::uint32_t endpoint) {
  if (endpoint >= idle_.size()) return {};
  Idle& idle = idle_[endpoint];
  idle.settle(reactor_.batch());
  while (!idle.settled.empty()) {
    UpstreamLease lease = pop(idle.settled);
    if (usable(*lease)) return lease;
  }
  while (!idle.fresh.empty()) {
    UpstreamLease lease = pop(idle.fresh);
    if (usable(*lease) && !lease->socket.has_input()) return lease;
  }
  return {};
}

void UpstreamPool::Idle::settle(std::uint64_t now) {
  if (batch == now) return;
  batch = now;
  std::move(fresh.begin(), fresh.end(), std::back_inserter(settled));
  fresh.clear();
}

// Readable: unasked bytes, told in this very batch of events.
bool UpstreamPool::usable(const UpstreamConnection& connection) const {
  return connection.idle_until > reactor_.now() && !connection.socket.hung_up() &&
         !connection.socket.readable();
}

UpstreamLease UpstreamPool::connect(const traffic::Endpoint& endpoint, reactor::SocketOwner& owner,
                                    int& error) {
  error = EHOSTUNREACH;
  if (endpoint.address.length == 0) return {};
  const int fd = reactor::connect_tcp(endpoint.address.storage, endpoint.address.length);
  if (fd < 0) {
    error = -fd;
    return {};
  }
  UpstreamLease lease(new UpstreamConnection, UpstreamCloser{&reactor_});
  lease->endpoint = endpoint.id;
  lease->socket.owner = &owner;
  if (!reactor_.add(lease->socket, fd)) {
    error = ENOMEM;
    return {};
  }
  lease->socket.expect_events();
  error = 0;
  return lease;
}

void UpstreamPool::put(UpstreamLease lease, base::Duration keep, std::size_t most) {
  if (lease->endpoint >= idle_.size()) idle_.resize(lease->endpoint + 1);
  Idle& idle = idle_[lease->endpoint];
  idle.settle(reactor_.batch());
  if (idle.size() >= most || keep.count() == 0 || lease->socket.hung_up()) return;
  if (lease->socket.readable()) {
    // What it holds unread was announced already: no further event would tell of it.
    char unasked = 0;
    const reactor::Io io = lease->socket.receive({&unasked, 1});
    if (io.status != reactor::IoStatus::again) return;
  }
  lease->socket.owner = this;
  lease->idle_until = reactor_.now() + keep;
  lease->reused = true;  // from now on
  idle.fresh.push_back(std::move(lease));
  reactor_.wheel().arm_if_idle(*this, reactor_.now() + sweep_interval);
}

void UpstreamPool::clear() { idle_.clear(); }

void UpstreamPool::on_ready(reactor::Socket& socket) {
  if (!socket.readable() && !socket.hung_up()) return;  // it only became writable
  const auto is_it = [&](const UpstreamLease& lease) { return &lease->socket == &socket; };
  for (Idle& idle : idle_)
    if (std::erase_if(idle.settled, is_it) + std::erase_if(idle.fresh, is_it) > 0) return;
}

void UpstreamPool::on_timer(reactor::MonoTime now) {
  bool any = false;
  const auto is_over = [&](const UpstreamLease& lease) { return lease->idle_until <= now; };
  for (Idle& idle : idle_) {
    idle.settle(reactor_.batch());
    std::erase_if(idle.settled, is_over);
    any = any || idle.size() > 0;
  }
  if (any) reactor_.wheel().arm(*this, now + sweep_interval);
}

}  // namespace canary::proxy

#include "proxy/upstream_pool.hpp"

#include <algorithm>

#include "reactor/tcp.hpp"

namespace canary::proxy {
namespace {

constexpr base::Duration sweep_interval = std::chrono::milliseconds(500);

}  // namespace

void UpstreamCloser::operator()(UpstreamConnection* connection) const {
  reactor->close(connection->socket);
  reactor->retire(std::unique_ptr<UpstreamConnection>(connection));
}

UpstreamPool::~UpstreamPool() { clear(); }

UpstreamLease UpstreamPool::take(std::uint32_t endpoint) {
  if (endpoint >= idle_.size()) return {};
  auto& stack = idle_[endpoint];
  while (!stack.empty()) {
    UpstreamLease lease = std::move(stack.back());
    stack.pop_back();
    // Readable: unasked bytes, told in this very batch of events. What was put in since then (the
    // client pipelines) has to be asked.
    if (lease->idle_until <= reactor_.now() || lease->socket.hung_up() || lease->socket.readable())
      continue;
    if (lease->idle_since_batch == reactor_.batch() && lease->socket.has_input()) continue;
    lease->reused = true;
    return lease;
  }
  return {};
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
  auto& stack = idle_[lease->endpoint];
  if (stack.size() >= most || keep.count() == 0 || lease->socket.hung_up()) return;
  if (lease->socket.readable()) {
    // What it holds unread was announced already: no further event would tell of it.
    char unasked = 0;
    const reactor::Io io = lease->socket.receive({&unasked, 1});
    if (io.status != reactor::IoStatus::again) return;
  }
  lease->socket.owner = this;
  lease->idle_until = reactor_.now() + keep;
  lease->idle_since_batch = reactor_.batch();
  stack.push_back(std::move(lease));
  reactor_.wheel().arm_if_idle(*this, reactor_.now() + sweep_interval);
}

void UpstreamPool::clear() { idle_.clear(); }

void UpstreamPool::on_ready(reactor::Socket& socket) {
  if (!socket.readable() && !socket.hung_up()) return;  // it only became writable
  for (auto& stack : idle_) {
    const auto it = std::find_if(stack.begin(), stack.end(),
                                 [&](const auto& lease) { return &lease->socket == &socket; });
    if (it == stack.end()) continue;
    stack.erase(it);
    return;
  }
}

void UpstreamPool::on_timer(reactor::MonoTime now) {
  bool any = false;
  for (auto& stack : idle_) {
    std::erase_if(stack, [&](const auto& lease) { return lease->idle_until <= now; });
    any = any || !stack.empty();
  }
  if (any) reactor_.wheel().arm(*this, now + sweep_interval);
}

}  // namespace canary::proxy

#include "proxy/upstream_pool.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "base/prefetch.hpp"
#include "reactor/tcp.hpp"

namespace canary::proxy {
namespace {

constexpr base::Duration sweep_interval = std::chrono::milliseconds(500);

template <class F>
void for_each_endpoint(const traffic::Model& model, F&& f) {
  for (const traffic::Endpoint& endpoint : model.stable.endpoints) f(endpoint);
  if (!model.canary) return;
  for (const traffic::Endpoint& endpoint : model.canary->endpoints) f(endpoint);
}

UpstreamLease pop(std::vector<UpstreamLease>& stack) {
  UpstreamLease lease = std::move(stack.back());
  stack.pop_back();
  return lease;
}

}  // namespace

void UpstreamCloser::operator()(UpstreamConnection* connection) const { pool->discard(connection); }

UpstreamPool::~UpstreamPool() { clear(); }

void UpstreamPool::discard(UpstreamConnection* connection) {
  if (!connection->idle)
    if (Slot* slot = find(connection->endpoint)) --slot->in_flight;
  reactor_.close(connection->socket);
  reactor_.retire(std::unique_ptr<UpstreamConnection>(connection));
}

void UpstreamPool::follow(const traffic::RoutingTable& table) {
  ++tables_;
  if (slots_.size() < table.endpoint_slots) slots_.resize(table.endpoint_slots);
  const auto enter = [&](const traffic::Endpoint& endpoint) {
    Slot& slot = slots_[endpoint.id.slot];
    if (slot.serial != endpoint.id.serial) slot = Slot{endpoint.id.serial, 0, 0, {}, {}};
    slot.table = tables_;
  };
  for (const traffic::Model& model : table.models) for_each_endpoint(model, enter);
  for (Slot& slot : slots_)
    if (slot.serial != 0 && slot.table != tables_) slot = Slot{};
}

void UpstreamPool::hasten(const traffic::Model& model, reactor::MonoTime now) {
  for_each_endpoint(model, [&](const traffic::Endpoint& endpoint) {
    if (Slot* slot = find(endpoint.id)) slot->ejection.hasten(now);
  });
}

UpstreamLease UpstreamPool::take(traffic::EndpointId endpoint) {
  Slot* slot = find(endpoint);
  if (!slot) return {};
  Idle& idle = slot->idle;
  idle.settle(reactor_.batch());
  UpstreamLease found;
  while (!found && !idle.settled.empty()) {
    UpstreamLease lease = pop(idle.settled);
    if (!idle.settled.empty()) base::prefetch(idle.settled.back().get(), sizeof *lease);
    if (usable(*lease)) found = std::move(lease);
  }
  while (!found && !idle.fresh.empty()) {
    UpstreamLease lease = pop(idle.fresh);
    if (usable(*lease) && !lease->socket.has_input()) found = std::move(lease);
  }
  if (!found) return {};
  found->idle = false;
  ++slot->in_flight;
  return found;
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
  const auto& address = endpoint.address;
  int fd = reactor::connect_tcp(address.storage, address.length, below_);
  if (fd == -EMFILE && (give_up_idle() || make_room()))
    fd = reactor::connect_tcp(address.storage, address.length, below_);
  if (fd < 0) {
    error = -fd;
    return {};
  }
  UpstreamLease lease(new UpstreamConnection, UpstreamCloser{this});
  lease->endpoint = endpoint.id;
  if (Slot* slot = find(endpoint.id)) ++slot->in_flight;
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
  Slot* slot = find(lease->endpoint);
  if (!slot) return;
  Idle& idle = slot->idle;
  idle.settle(reactor_.batch());
  if (idle.size() >= most || keep.count() == 0 || lease->socket.hung_up()) return;
  if (lease->socket.readable()) {
    // What it holds unread was announced already: no further event would tell of it.
    char unasked = 0;
    const reactor::Io io = lease->socket.receive({&unasked, 1});
    if (io.status != reactor::IoStatus::again) return;
  }
  lease->socket.owner = this;
  lease->idle = true;
  --slot->in_flight;
  lease->idle_until = reactor_.now() + keep;
  lease->reused = true;  // from now on
  lease->sent_before = lease->socket.sent();
  idle.fresh.push_back(std::move(lease));
  reactor_.wheel().arm_if_idle(*this, reactor_.now() + sweep_interval);
}

void UpstreamPool::clear() {
  for (Slot& slot : slots_) slot.idle = {};
}

bool UpstreamPool::give_up_idle() {
  const bool any = std::any_of(slots_.begin(), slots_.end(),
                               [](const Slot& slot) { return slot.idle.size() > 0; });
  clear();
  return any;
}

void UpstreamPool::on_ready(reactor::Socket& socket) {
  if (!socket.readable() && !socket.hung_up()) return;  // it only became writable
  const auto is_it = [&](const UpstreamLease& lease) { return &lease->socket == &socket; };
  for (Slot& slot : slots_)
    if (std::erase_if(slot.idle.settled, is_it) + std::erase_if(slot.idle.fresh, is_it) > 0) return;
}

void UpstreamPool::on_timer(reactor::MonoTime now) {
  bool any = false;
  const auto is_over = [&](const UpstreamLease& lease) { return lease->idle_until <= now; };
  for (Slot& slot : slots_) {
    slot.idle.settle(reactor_.batch());
    std::erase_if(slot.idle.settled, is_over);
    any = any || slot.idle.size() > 0;
  }
  if (any) reactor_.wheel().arm(*this, now + sweep_interval);
}

}  // namespace canary::proxy

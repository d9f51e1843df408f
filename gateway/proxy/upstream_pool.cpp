#include "proxy/upstream_pool.hpp"

#include <algorithm>
#include <cerrno>

#include "base/prefetch.hpp"
#include "reactor/tcp.hpp"

namespace canary::proxy {
namespace {

constexpr base::Duration sweep_interval = std::chrono::milliseconds(500);
constexpr base::Duration suspicion = std::chrono::minutes(1);

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
    if (slot.serial != endpoint.id.serial) {
      slot = Slot{};
      slot.serial = endpoint.id.serial;
    }
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
  using Pending = reactor::Socket::Pending;
  Slot* slot = find(endpoint);
  if (!slot || slot->no_reuse_until > reactor_.now()) return {};
  while (!slot->idle.empty()) {
    UpstreamLease lease = pop(slot->idle);
    if (!slot->idle.empty()) base::prefetch(slot->idle.back().get(), sizeof *lease);
    if (lease->idle_until <= reactor_.shared_now() || lease->socket.hung_up()) continue;
    // Events tell what had happened when this batch of them began.
    const Pending pending = lease->socket.pending();
    if (pending == Pending::bytes) {
      unasked(endpoint);
      return {};
    }
    if (pending == Pending::end) continue;
    lease->idle = false;
    ++slot->in_flight;
    return lease;
  }
  return {};
}

void UpstreamPool::unasked(traffic::EndpointId endpoint) {
  on_unasked();
  if (Slot* slot = find(endpoint)) slot->no_reuse_until = reactor_.now() + suspicion;
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
  if (slot->idle.size() >= most || keep.count() == 0 || lease->socket.hung_up()) return;
  if (lease->socket.readable()) {
    // What it holds unread was announced already: no further event would tell of it.
    char byte = 0;
    const reactor::Io io = lease->socket.receive({&byte, 1});
    if (io.status == reactor::IoStatus::ok) unasked(lease->endpoint);
    if (io.status != reactor::IoStatus::again) return;
  }
  lease->socket.owner = this;
  lease->idle = true;
  --slot->in_flight;
  lease->idle_until = reactor_.shared_now() + keep;
  lease->reused = true;  // from now on
  lease->sent_before = lease->socket.sent();
  slot->idle.push_back(std::move(lease));
  reactor_.wheel().arm_if_idle(*this, reactor_.now() + sweep_interval);
}

void UpstreamPool::clear() {
  for (Slot& slot : slots_) slot.idle.clear();
}

bool UpstreamPool::give_up_idle() {
  const bool any = std::any_of(slots_.begin(), slots_.end(),
                               [](const Slot& slot) { return !slot.idle.empty(); });
  clear();
  return any;
}

void UpstreamPool::on_ready(reactor::Socket& socket) {
  if (!socket.readable() && !socket.hung_up()) return;  // it only became writable
  const auto is_it = [&](const UpstreamLease& lease) { return &lease->socket == &socket; };
  for (Slot& slot : slots_) {
    const auto found = std::find_if(slot.idle.begin(), slot.idle.end(), is_it);
    if (found == slot.idle.end()) continue;
    if (!socket.hung_up()) unasked((*found)->endpoint);
    slot.idle.erase(found);
    return;
  }
}

void UpstreamPool::on_timer(reactor::MonoTime now) {
  bool any = false;
  const auto is_over = [shared = reactor_.shared_now()](const UpstreamLease& lease) {
    return lease->idle_until <= shared;
  };
  for (Slot& slot : slots_) {
    std::erase_if(slot.idle, is_over);
    any = any || !slot.idle.empty();
  }
  if (any) reactor_.wheel().arm(*this, now + sweep_interval);
}

}  // namespace canary::proxy

#include "http1/upstream_pool.hpp"

#include <algorithm>
#include <cerrno>

#include "base/prefetch.hpp"
#include "http1/context.hpp"
#include "reactor/tcp.hpp"

namespace canary::http1 {
namespace {

constexpr base::Duration sweep_interval = std::chrono::milliseconds(500);
constexpr base::Duration suspicion = std::chrono::minutes(1);

UpstreamPool::Owned pop(std::vector<UpstreamPool::Owned>& stack) {
  UpstreamPool::Owned lease = std::move(stack.back());
  stack.pop_back();
  return lease;
}

}  // namespace

UpstreamPool::~UpstreamPool() { clear(); }

void UpstreamPool::discard(UpstreamConnection* connection) {
  if (!connection->idle)
    if (auto* entry = context_.call.endpoints.find(connection->endpoint)) --entry->in_flight;
  context_.reactor.close(connection->socket);
  context_.reactor.retire(std::unique_ptr<UpstreamConnection>(connection));
}

void UpstreamPool::follow() {
  const upstream::EndpointBook& book = context_.call.endpoints;
  if (slots_.size() < book.slots()) slots_.resize(book.slots());
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].serial == book.serial(i)) continue;
    slots_[i] = Slot{};
    slots_[i].serial = book.serial(i);
  }
}

bool UpstreamPool::distrusts(traffic::EndpointId endpoint) {
  const Slot* slot = find(endpoint);
  return slot && slot->no_reuse_until > context_.now();
}

UpstreamPool::Owned UpstreamPool::take(traffic::EndpointId endpoint) {
  using Pending = reactor::Socket::Pending;
  Slot* slot = find(endpoint);
  if (!slot || slot->no_reuse_until > context_.now()) return {};
  while (!slot->idle.empty()) {
    Owned lease = pop(slot->idle);
    if (!slot->idle.empty()) base::prefetch(slot->idle.back().get(), sizeof *lease);
    if (lease->idle_until <= context_.call.time().shared_now() || lease->socket.hung_up()) continue;
    // Events tell what had happened when this batch of them began.
    const Pending pending = lease->socket.pending();
    if (pending == Pending::bytes) {
      unasked(endpoint);
      return {};
    }
    if (pending == Pending::end) continue;
    lease->idle = false;
    ++context_.call.endpoints.find(endpoint)->in_flight;
    return lease;
  }
  return {};
}

void UpstreamPool::unasked(traffic::EndpointId endpoint) {
  on_unasked();
  if (Slot* slot = find(endpoint)) slot->no_reuse_until = context_.now() + suspicion;
}

UpstreamPool::Owned UpstreamPool::connect(const traffic::Endpoint& endpoint,
                                          reactor::SocketOwner& owner, int& error) {
  const auto& address = endpoint.address;
  int fd = reactor::connect_tcp(address.storage, address.length, below_);
  if (fd == -EMFILE && (give_up_idle() || make_room()))
    fd = reactor::connect_tcp(address.storage, address.length, below_);
  if (fd < 0) {
    error = -fd;
    return {};
  }
  Owned lease(new UpstreamConnection(context_, endpoint.id));
  if (auto* entry = context_.call.endpoints.find(endpoint.id)) ++entry->in_flight;
  lease->socket.owner = &owner;
  if (!context_.reactor.add(lease->socket, fd)) {
    error = ENOMEM;
    return {};
  }
  lease->socket.expect_events();
  error = 0;
  return lease;
}

void UpstreamPool::put(UpstreamConnection& connection, base::Duration keep, std::size_t most) {
  Owned lease(&connection);
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
  --context_.call.endpoints.find(lease->endpoint)->in_flight;
  lease->rest(context_.call.time().shared_now() + keep);
  slot->idle.push_back(std::move(lease));
  context_.reactor.wheel().arm_if_idle(*this, context_.now() + sweep_interval);
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
  const auto is_it = [&](const Owned& lease) { return &lease->socket == &socket; };
  for (Slot& slot : slots_) {
    const auto found = std::find_if(slot.idle.begin(), slot.idle.end(), is_it);
    if (found == slot.idle.end()) continue;
    if (!socket.hung_up()) unasked((*found)->endpoint);
    slot.idle.erase(found);
    return;
  }
}

void UpstreamPool::on_timer(base::MonoTime now) {
  bool any = false;
  const auto is_over = [shared = context_.call.time().shared_now()](const Owned& lease) {
    return lease->idle_until <= shared;
  };
  for (Slot& slot : slots_) {
    std::erase_if(slot.idle, is_over);
    any = any || !slot.idle.empty();
  }
  if (any) context_.reactor.wheel().arm(*this, now + sweep_interval);
}

}  // namespace canary::http1

// A worker's connections to the upstreams: made when needed, kept idle for a short while, newest
// used first. An idle connection that shows any sign of life (an end, unasked bytes) is dropped, as
// are those to an endpoint that the present table does not have. One pool per worker; one thread.
// Bytes that no request asked for would be read as the answer to the next one. The kernel is asked
// right before a connection is used, and an endpoint that sends such bytes gets one request per
// connection for a while (docs/decisions/0074-unasked-bytes.md).
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "http1/upstream_connection.hpp"
#include "reactor/reactor.hpp"

namespace canary::http1 {

struct Context;

class UpstreamPool final : reactor::SocketOwner, reactor::Timer {
 public:
  using Owned = std::unique_ptr<UpstreamConnection, call::DiscardUpstream>;

  explicit UpstreamPool(Context& context) : context_(context) {}
  ~UpstreamPool();

  /// Descriptors from this one on are left to others.
  void keep_below(int descriptor) { below_ = descriptor; }
  /// Asked to free a descriptor when there is none and no idle connection holds one; false: it
  /// cannot.
  std::function<bool()> make_room = [] { return false; };

  /// Told of each connection that brought bytes which no request asked for.
  std::function<void()> on_unasked = [] {};

  /// The endpoint book has begun to follow a new table: what is idle to others goes.
  void follow();

  /// An idle connection to the endpoint, the newest that is sound at this moment, or none.
  Owned take(traffic::EndpointId endpoint);
  /// The endpoint has sent bytes that no request asked for. For a minute no connection to it serves
  /// a second request; idle ones are still watched, so that what goes on prolongs it.
  void unasked(traffic::EndpointId endpoint);
  /// It has, within the last minute.
  bool distrusts(traffic::EndpointId endpoint);

  /// Begins to connect; the caller asks connecting(). On failure there is none, and `error` is an
  /// errno.
  Owned connect(const traffic::Endpoint& endpoint, reactor::SocketOwner& owner, int& error);

  /// Keeps a connection that is between messages for at most `keep`; closes it when there are
  /// `most` idle ones already, or nobody would ask for it.
  void put(UpstreamConnection& connection, base::Duration keep, std::size_t most);
  /// Closes it.
  void discard(UpstreamConnection* connection);

  /// How many are idle to the endpoint.
  std::size_t idle_to(traffic::EndpointId endpoint) {
    const Slot* slot = find(endpoint);
    return slot ? slot->idle.size() : 0;
  }
  /// Closes every idle connection.
  void clear();

 private:
  void on_ready(reactor::Socket& socket) override;  // of an idle connection
  void on_timer(base::MonoTime now) override;       // sweeps what has been idle for too long

  /// What is idle to one endpoint of the present table.
  struct Slot {
    std::uint32_t serial = 0;         // of the endpoint that has it; 0: none
    std::vector<Owned> idle;          // newest last
    base::MonoTime no_reuse_until{};  // it has sent bytes that no request asked for
  };
  Slot* find(traffic::EndpointId id) {
    if (id.slot >= slots_.size() || slots_[id.slot].serial != id.serial) return nullptr;
    return &slots_[id.slot];
  }
  bool give_up_idle();

  Context& context_;
  int below_ = std::numeric_limits<int>::max();
  std::vector<Slot> slots_;  // by EndpointId::slot
};

}  // namespace canary::http1

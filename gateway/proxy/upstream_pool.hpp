// A worker's connections to the upstreams: made when needed, kept idle for a short while, newest
// used first. An idle connection that shows any sign of life (an end, unasked bytes) is dropped, as
// are those to an endpoint that the present table does not have. Beside them stands what else the
// worker knows of the endpoint. One pool per worker; one thread.
// Bytes that no request asked for would be read as the answer to the next one. The kernel is asked
// right before a connection is used, and an endpoint that sends such bytes gets one request per
// connection for a while (docs/decisions/0074-unasked-bytes.md).
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "proxy/ejection.hpp"
#include "reactor/reactor.hpp"
#include "reactor/socket.hpp"
#include "traffic/routing_table.hpp"

namespace canary::proxy {

/// A connection to one endpoint. While it is leased, its socket's owner is the session.
struct UpstreamConnection {
  reactor::Socket socket;
  traffic::EndpointId endpoint;
  bool idle = false;
  bool reused = false;             // it has carried a request before
  std::uint64_t sent_before = 0;   // bytes of earlier requests
  reactor::MonoTime idle_until{};  // by the shared time, as the server counts; while idle
};

class UpstreamPool;

/// Closes the connection of a lease that is not given back, whatever the way out.
struct UpstreamCloser {
  UpstreamPool* pool = nullptr;
  void operator()(UpstreamConnection* connection) const;
};
using UpstreamLease = std::unique_ptr<UpstreamConnection, UpstreamCloser>;

class UpstreamPool final : reactor::SocketOwner, reactor::Timer {
 public:
  /// One endpoint of the present table.
  struct Slot {
    std::uint32_t serial = 0;     // of the endpoint that has it; 0: none
    std::uint32_t in_flight = 0;  // leases
    std::uint64_t table = 0;      // the last one, by tables_, that has it
    Ejection ejection;
    std::vector<UpstreamLease> idle;     // connections, newest last
    reactor::MonoTime no_reuse_until{};  // it has sent bytes that no request asked for
  };

  explicit UpstreamPool(reactor::Reactor& reactor) : reactor_(reactor) {}
  ~UpstreamPool();

  /// Descriptors from this one on are left to others.
  void keep_below(int descriptor) { below_ = descriptor; }
  /// Asked to free a descriptor when there is none and no idle connection holds one; false: it
  /// cannot.
  std::function<bool()> make_room = [] { return false; };

  /// Told of each connection that brought bytes which no request asked for.
  std::function<void()> on_unasked = [] {};

  /// Knows the table's endpoints from now on, and no other.
  void follow(const traffic::RoutingTable& table);
  /// nullptr when the present table does not have the endpoint. Valid until follow().
  Slot* find(traffic::EndpointId id) {
    if (id.slot >= slots_.size() || slots_[id.slot].serial != id.serial) return nullptr;
    return &slots_[id.slot];
  }

  /// Each of the model's endpoints that is ejected is tried by the next request: there is reason to
  /// think that they are back. `now`: the reactor's shared time, which ejections go by.
  void hasten(const traffic::Model& model, reactor::MonoTime now);

  /// An idle connection to the endpoint, the newest that is sound at this moment, or none.
  UpstreamLease take(traffic::EndpointId endpoint);
  /// The endpoint has sent bytes that no request asked for. For a minute no connection to it serves
  /// a second request; idle ones are still watched, so that what goes on prolongs it.
  void unasked(traffic::EndpointId endpoint);
  /// It has, within the last minute.
  bool distrusts(traffic::EndpointId endpoint) {
    const Slot* slot = find(endpoint);
    return slot && slot->no_reuse_until > reactor_.now();
  }

  /// Begins to connect; the caller waits until the socket is writable and asks connect_error().
  /// On failure the lease is empty and `error` is an errno.
  UpstreamLease connect(const traffic::Endpoint& endpoint, reactor::SocketOwner& owner, int& error);

  /// Keeps a connection that is between messages for at most `keep`; closes it when there are
  /// `most` idle ones already, or nobody would ask for it.
  void put(UpstreamLease lease, base::Duration keep, std::size_t most);

  /// Closes every idle connection.
  void clear();

 private:
  void on_ready(reactor::Socket& socket) override;  // of an idle connection
  void on_timer(reactor::MonoTime now) override;    // sweeps what has been idle for too long

  friend UpstreamCloser;
  void discard(UpstreamConnection* connection);
  bool give_up_idle();

  reactor::Reactor& reactor_;
  int below_ = std::numeric_limits<int>::max();
  std::vector<Slot> slots_;  // by EndpointId::slot
  std::uint64_t tables_ = 0;
};

}  // namespace canary::proxy

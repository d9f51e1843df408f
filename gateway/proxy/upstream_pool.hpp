// A worker's connections to the upstreams: made when needed, kept idle for a short while, newest
// used first. An idle connection that shows any sign of life (an end, unasked bytes) is dropped, as
// are those to an endpoint that the present table does not have. Beside them stands what else the
// worker knows of the endpoint. One pool per worker; one thread.
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
  reactor::MonoTime idle_until{};  // meaningful while idle
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
  /// The idle connections to one endpoint, newest last. Those of this batch of events stand aside:
  /// the batch tells nothing of what happened to them since they were put in, so one of them is
  /// taken last, and only after the kernel was asked.
  struct Idle {
    std::vector<UpstreamLease> settled, fresh;
    std::uint64_t batch = 0;  // of `fresh`
    std::size_t size() const { return settled.size() + fresh.size(); }
    void settle(std::uint64_t now);
  };
  /// One endpoint of the present table.
  struct Slot {
    std::uint32_t serial = 0;     // of the endpoint that has it; 0: none
    std::uint32_t in_flight = 0;  // leases
    std::uint64_t table = 0;      // the last one, by tables_, that has it
    Ejection ejection;
    Idle idle;
  };

  explicit UpstreamPool(reactor::Reactor& reactor) : reactor_(reactor) {}
  ~UpstreamPool();

  /// Descriptors from this one on are left to others.
  void keep_below(int descriptor) { below_ = descriptor; }
  /// Asked to free a descriptor when there is none and no idle connection holds one; false: it
  /// cannot.
  std::function<bool()> make_room = [] { return false; };

  /// Knows the table's endpoints from now on, and no other.
  void follow(const traffic::RoutingTable& table);
  /// nullptr when the present table does not have the endpoint. Valid until follow().
  Slot* find(traffic::EndpointId id) {
    if (id.slot >= slots_.size() || slots_[id.slot].serial != id.serial) return nullptr;
    return &slots_[id.slot];
  }

  /// Each of the model's endpoints that is ejected is tried by the next request: there is reason to
  /// think that they are back.
  void hasten(const traffic::Model& model, reactor::MonoTime now);

  /// An idle connection to the endpoint, the newest that is known to be sound, or none.
  UpstreamLease take(traffic::EndpointId endpoint);

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
  bool usable(const UpstreamConnection& connection) const;
  bool give_up_idle();

  reactor::Reactor& reactor_;
  int below_ = std::numeric_limits<int>::max();
  std::vector<Slot> slots_;  // by EndpointId::slot
  std::uint64_t tables_ = 0;
};

}  // namespace canary::proxy

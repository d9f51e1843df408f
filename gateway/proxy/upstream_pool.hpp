// A worker's connections to the upstreams: made when needed, kept idle for a short while, newest
// used first. An idle connection that shows any sign of life (an end, unasked bytes) is dropped.
// One pool per worker; one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "reactor/reactor.hpp"
#include "reactor/socket.hpp"
#include "traffic/routing_table.hpp"

namespace canary::proxy {

/// A connection to one endpoint. While it is leased, its socket's owner is the session.
struct UpstreamConnection {
  reactor::Socket socket;
  std::uint32_t endpoint = 0;
  bool reused = false;             // it has carried a request before
  reactor::MonoTime idle_until{};  // meaningful while idle
};

/// Closes the connection of a lease that is not given back, whatever the way out.
struct UpstreamCloser {
  reactor::Reactor* reactor = nullptr;
  void operator()(UpstreamConnection* connection) const;
};
using UpstreamLease = std::unique_ptr<UpstreamConnection, UpstreamCloser>;

class UpstreamPool final : reactor::SocketOwner, reactor::Timer {
 public:
  explicit UpstreamPool(reactor::Reactor& reactor) : reactor_(reactor) {}
  ~UpstreamPool();

  /// An idle connection to the endpoint, the newest that is known to be sound, or none.
  UpstreamLease take(std::uint32_t endpoint);

  /// Begins to connect; the caller waits until the socket is writable and asks connect_error().
  /// On failure the lease is empty and `error` is an errno.
  UpstreamLease connect(const traffic::Endpoint& endpoint, reactor::SocketOwner& owner, int& error);

  /// Keeps a connection that is between messages for at most `keep`; closes it when there are
  /// `most` idle ones already.
  void put(UpstreamLease lease, base::Duration keep, std::size_t most);

  /// Closes every idle connection.
  void clear();

 private:
  void on_ready(reactor::Socket& socket) override;  // of an idle connection
  void on_timer(reactor::MonoTime now) override;    // sweeps what has been idle for too long

  /// The idle connections to one endpoint, newest last. Those of this batch of events stand aside:
  /// the batch tells nothing of what happened to them since they were put in, so one of them is
  /// taken last, and only after the kernel was asked.
  struct Idle {
    std::vector<UpstreamLease> settled, fresh;
    std::uint64_t batch = 0;  // of `fresh`
    std::size_t size() const { return settled.size() + fresh.size(); }
    void settle(std::uint64_t now);
  };
  bool usable(const UpstreamConnection& connection) const;

  reactor::Reactor& reactor_;
  std::vector<Idle> idle_;  // by endpoint id
};

}  // namespace canary::proxy

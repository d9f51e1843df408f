// The wires that a worker's clients and upstreams speak: the one place that knows which there are.
// Made by the worker, on the control thread; used on the worker's own.
#pragma once

#include <functional>
#include <memory>

#include "base/descriptors.hpp"
#include "http1/context.hpp"

namespace canary::proxy {

class Wires {
 public:
  struct Events {
    std::function<void(call::Client&)> ended;  // may be freed after this batch of events
    std::function<void()> unasked;    // a connection brought bytes which no request asked for
    std::function<bool()> make_room;  // frees a descriptor; false: it cannot
  };
  Wires(call::Context& call, reactor::Reactor& reactor, reactor::BufferPool& buffers,
        Events events);

  /// A connection that was accepted, to be started.
  std::unique_ptr<call::Client> make_client(const sockaddr_storage& peer, bool turned_away);
  /// The calls' context has installed another table.
  void follow() { http1_.upstreams.follow(); }
  /// Connections end behind their next answer.
  void drain() { http1_.draining = true; }
  /// Upstream connections leave descriptors from this one on to others.
  void keep_below(int descriptor) { http1_.upstreams.keep_below(descriptor); }
  http1::UpstreamPool& upstreams() { return http1_.upstreams; }

 private:
  http1::Context http1_;
};

}  // namespace canary::proxy

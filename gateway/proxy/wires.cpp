#include "proxy/wires.hpp"

#include "http1/session.hpp"

namespace canary::proxy {

Wires::Wires(call::Context& call, reactor::Reactor& reactor, reactor::BufferPool& buffers,
             Events events)
    : http1_(call, reactor, buffers) {
  http1_.ended = std::move(events.ended);
  http1_.upstreams.on_unasked = std::move(events.unasked);
  http1_.upstreams.make_room = std::move(events.make_room);
  follow();
}

std::unique_ptr<call::Client> Wires::make_client(const sockaddr_storage& peer, bool turned_away) {
  return std::make_unique<http1::Session>(http1_, peer, turned_away);
}

}  // namespace canary::proxy

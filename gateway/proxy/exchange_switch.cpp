// From a 101 on: the exchange was a request and is a tunnel.
#include "base/text.hpp"
#include "http/build_head.hpp"
#include "http/upgrade.hpp"
#include "proxy/exchange.hpp"
#include "proxy/tunnel.hpp"
#include "proxy/worker.hpp"

namespace canary::proxy {

// A 101 was parsed just now; its views are in reply(). The request's head is still in in(): only a
// request that may switch keeps it there.
Exchange::Reply Exchange::switch_protocols(std::size_t head_size) {
  head_fresh_ = false;
  const bool known = asks_to_switch_ && parse();
  if (known) protocol_ = http::switched_protocol(worker_.response, worker_.request.upgrade);
  if (!protocol_.empty()) {
    reply_size_ = head_size;
    return Reply::switched;
  }
  return refuse(502, "upstream_bad_response",
                asks_to_switch_ ? "the model server switched to a protocol that was not offered"
                                : "the model server switched protocols unasked",
                stats::Outcome::bad_output);
}

// What lies behind the request's head in in() is the tunnel's first bytes upwards, what lies behind
// the 101 in reply() its first downwards.
reactor::Task<bool> Exchange::tunnel() {
  const MonoTime now = worker_.reactor().now();
  record_.response_started(now, worker_.response.status, true);
  record_.first_content(now);
  races().answered();
  status_sent_ = worker_.response.status;
  base::TextBuffer& out = worker_.scratch;
  begin_answer();
  http::build_response_head(
      out, worker_.response,
      {.request_id = request_id(), .model_version = version_header(), .upgrade = protocol_});
  const bool websocket = base::iequals(protocol_, "websocket");
  session_.reply().consume(reply_size_);
  session_.in().consume(std::exchange(retained_, 0));
  Tunnel tunnel(session_, record_, upstream_->socket, model_->settings.timeouts.idle,
                total_deadline());
  if (websocket) tunnel.watch_close();
  tunnel.head(out);
  const Tunnel::End end = co_await tunnel.run();
  if (end.by_limit) record_.excuse();
  record_.finish(end.outcome, worker_.reactor().now(), tunnel.received(), tunnel.sent());
  log_access();
  session_.in().clear();
  session_.reply().clear();
  if (end.orderly) co_return false;
  worker_.reactor().reset(upstream_->socket);
  worker_.reactor().reset(session_.client());
  co_return false;
}

}  // namespace canary::proxy

// What an exchange becomes after 101: bytes between client and upstream, both ways at once,
// untouched and never collected; a slow receiver stops its sender. The end of one side's bytes is
// passed on, and the other direction goes on until it ends too, or a limit is reached.
// A coroutine on the session; lives in the frame of Exchange::tunnel(), on the worker's thread.
#pragma once

#include <optional>

#include "http/websocket_close.hpp"
#include "proxy/exchange_record.hpp"
#include "proxy/relay.hpp"
#include "proxy/session.hpp"
#include "reactor/task.hpp"
#include "stats/outcome.hpp"

namespace canary::proxy {

class Tunnel {
 public:
  struct End {
    stats::Outcome outcome = stats::Outcome::gateway_error;
    bool orderly = false;   // both sides ended; otherwise neither may take what it got for whole
    bool by_limit = false;  // a limit of ours came first, and the version had nothing to do with it
  };

  /// `idle`: most time without a byte either way. `total`: when it ends at the latest. `record` is
  /// told what waits for the client.
  Tunnel(Session& session, ExchangeRecord& record, reactor::Socket& upstream, Duration idle,
         MonoTime total);
  /// The bytes are a WebSocket's: its Close frames are looked for.
  void watch_close();

  /// A head for the client, in front of the upstream's bytes; see Outlet::head.
  void head(base::TextBuffer& scratch) { down_.relay.head(scratch); }
  reactor::Task<End> run();

  std::uint64_t received() const { return up_.relay.reader().body_bytes(); }
  std::uint64_t sent() const { return down_.relay.reader().body_bytes(); }

 private:
  struct Direction {
    Relay relay;
    http::WebSocketClose close{};
    reactor::Socket& to;
    bool ended = false;    // its sender's end was passed on, or its receiver takes no more
    bool refused = false;  // its receiver closed for good before its sender's end
    bool blocked = false, gave_way = false;  // as the last step left it
  };
  /// False: the connection at one end broke; broken_ says whose.
  bool step(Direction& direction, stats::Outcome source, stats::Outcome sink);
  bool step_both();
  End expired(MonoTime now) const;
  End broken(MonoTime now) const;

  Session& session_;
  ExchangeRecord& record_;
  Direction up_, down_;
  Duration idle_;
  MonoTime total_, progress_at_;
  bool clients_turn_ = false;  // the last bytes that passed were the upstream's alone
  stats::Outcome broken_ = stats::Outcome::gateway_error;
};

}  // namespace canary::proxy

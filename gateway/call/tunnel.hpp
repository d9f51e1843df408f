// What an exchange becomes after 101: bytes between client and upstream, both ways at once,
// untouched and never collected; a slow receiver stops its sender. The end of one side's bytes is
// passed on, and the other direction goes on until it ends too, or a limit is reached.
// Lives in the frame of Call::tunnel(), on the worker's thread.
#pragma once

#include "call/body_observer.hpp"
#include "call/context.hpp"
#include "call/record.hpp"
#include "call/streams.hpp"
#include "http/websocket_close.hpp"
#include "reactor/task.hpp"
#include "stats/outcome.hpp"

namespace canary::call {

class Tunnel {
 public:
  struct End {
    stats::Outcome outcome = stats::Outcome::gateway_error;
    bool orderly = false;   // both sides ended; otherwise neither may take what it got for whole
    bool by_limit = false;  // a limit of ours came first, and the version had nothing to do with it
  };

  struct Limits {
    Duration idle{};   // most time without a byte either way
    MonoTime total{};  // when it ends at the latest
  };
  /// `up` goes to the upstream, `down` to the client. `record` is told what waits for the client.
  Tunnel(const Context& context, ClientStream& client, CallRecord& record, Transfer& up,
         Transfer& down, Limits limits);
  /// The bytes are a WebSocket's: its Close frames are looked for.
  void watch_close();

  reactor::Task<End> run();

  std::uint64_t received() const { return up_.way.body_bytes(); }
  std::uint64_t sent() const { return down_.way.body_bytes(); }

 private:
  struct CloseObserver final : BodyObserver {
    void see(std::string_view bytes) override { close.feed(bytes); }
    http::WebSocketClose close;
  };
  struct Direction {
    Transfer& way;
    CloseObserver close{};
    bool ended = false;    // its sender's end was passed on, or its receiver takes no more
    bool refused = false;  // its receiver closed for good before its sender's end
    bool blocked = false, gave_way = false;  // as the last step left it
    bool closed() const { return close.close.seen(); }
  };
  /// False: the connection at one end broke; broken_ says whose.
  bool step(Direction& direction, stats::Outcome source, stats::Outcome sink);
  bool step_both();
  End expired(MonoTime now) const;
  End broken(MonoTime now) const;

  const Context& context_;
  ClientStream& client_;
  CallRecord& record_;
  Direction up_, down_;
  Limits limits_;
  MonoTime progress_at_;
  bool clients_turn_ = false;  // the last bytes that passed were the upstream's alone
  stats::Outcome broken_ = stats::Outcome::gateway_error;
};

}  // namespace canary::call

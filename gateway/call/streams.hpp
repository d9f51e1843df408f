// What a call sees of the wires: one request's stream to its client, and one to a model server.
// A wire knows bytes or frames, framing, keep-alive and connections; a call knows none of it. The
// call pulls: it asks, is told that there is nothing yet, and waits on the client's stream, which
// every event of the call wakes. No wire calls into a call but by resuming it.
// Owned by the wires; one thread. Views are valid until the next wait.
#pragma once

#include <array>
#include <coroutine>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "call/transfer.hpp"
#include "http/build_head.hpp"
#include "http/request_head.hpp"
#include "http/response_head.hpp"
#include "traffic/routing_table.hpp"

namespace canary::call {

using base::Duration;
using base::MonoTime;

class CallRecord;

/// Why a parked call goes on.
enum class Woken : std::uint8_t { event, expired, shutdown };

/// How far the request's body is on its way to the upstream.
enum class Upload : std::uint8_t {
  none,  // the request was sent to nobody, or is to be sent again
  under_way,
  done,    // all of it was sent
  broken,  // the upstream takes no more
  refused  // the client broke it, after the answer had begun
};

/// What was sent at once: body bytes that left together with the head, and the way of the rest.
struct Sent {
  std::uint64_t body = 0;
  Transfer* rest = nullptr;  // nullptr: everything has been sent
};

/// Where a body comes from. The two wires of a call agree about it; the call only hands it on.
class BodySource {
 protected:
  ~BodySource() = default;
};

/// A stream to a model server. Held by an UpstreamLease.
class UpstreamStream {
 public:
  /// How connecting goes.
  struct Connecting {
    enum class Phase : std::uint8_t { under_way, listening, over } phase = Phase::over;
    int error = 0;                     // an errno; EPROTO: it spoke before it was asked
    MonoTime until = MonoTime::max();  // when to look again, without an event
  };
  /// `deadline`: when the call stops waiting for it. What has spoken unasked before is listened to
  /// for a moment before it is asked.
  virtual Connecting connecting(MonoTime deadline) = 0;
  /// Another request was here before: it may end at any moment, as idle connections do.
  bool reused() const { return reused_; }

  /// How the request's body comes: as it arrives, or all of it at once; then the client's stream
  /// may be told to keep it, and the head, for as long as it may be asked for them again.
  enum class Body : std::uint8_t { streamed, whole, kept };
  /// Sends the request's head and what is there of its body.
  virtual Sent ask(const http::RequestHead& head, const http::ForwardedRequest& forwarded,
                   BodySource& body, Body how) = 0;

  /// Reads on, up to the next response head.
  struct Answer {
    enum class What : std::uint8_t {
      none,      // not yet
      head,      // a head: interim (1xx) or final
      unasked,   // a head that was sent before anything of the request had arrived
      bad,       // no sound response: `message` says why
      broke_off  // the stream ended; `error` is an errno, 0 for an orderly end
    } what = What::none;
    http::ResponseHead* head = nullptr;
    std::string_view message = {};
    int error = 0;
  };
  virtual Answer answer() = 0;
  /// What may have become of a request whose stream broke off.
  enum class Fate : std::uint8_t {
    untouched,    // the upstream has not taken a byte of it
    maybe_begun,  // it has said nothing
    answered      // it has begun to
  };
  virtual Fate fate(int error) const = 0;

  /// Behind the final head.
  virtual BodySource& body() = 0;
  /// After a 101: everything from the client to the upstream, untouched.
  virtual Transfer& tunnel(BodySource& from) = 0;

  /// Ends it so that the upstream cannot take what it got for whole.
  virtual void abort() = 0;
  /// Asks how it is at this moment, whatever events have told. True: there is news.
  virtual bool look() = 0;

  /// The last word: it may serve another request, if it is between messages, for at most `keep`,
  /// with up to `most` like it.
  struct Reuse {
    Duration keep{};
    std::size_t most = 0;
  };
  virtual void give_back(const Reuse& reuse) = 0;
  /// The last word: it ends.
  virtual void discard() = 0;

 protected:
  ~UpstreamStream() = default;
  bool reused_ = false;
};

struct DiscardUpstream {
  void operator()(UpstreamStream* stream) const { stream->discard(); }
};
/// Ends the stream that is not given back, whatever the way out.
using UpstreamLease = std::unique_ptr<UpstreamStream, DiscardUpstream>;

/// The connection's other end.
struct Peer {
  std::string text;
  std::array<std::uint8_t, 16> bytes{};
};

/// An answer of the gateway's own.
struct OwnAnswer {
  std::uint16_t status = 0;
  const std::string* body = nullptr;  // nullptr: an error body of code and message
  std::string_view code = {}, message = {};
  std::string_view request_id = {};
  std::string_view model_version = {};
  bool shed =
      false;  // the request is one too many: a small body is dropped for the next one's sake
};

/// The upstream's final response, as the client is to get it.
struct Response {
  const http::ResponseHead& head;
  std::string_view request_id = {};
  std::string_view model_version = {};
  std::string_view upgrade = {};     // of a 101: the protocol it switches to
  BodyObserver* observer = nullptr;  // of the body
  Upload upload = Upload::done;
};

class ClientStream {
 public:
  /// `began`: when the first bytes of the request came.
  ClientStream(const Peer& peer, MonoTime began) : peer_(peer), began_(began) {}
  ClientStream(const ClientStream&) = delete;
  ClientStream& operator=(const ClientStream&) = delete;

  // The request
  /// Why it is not one to be taken up; status 0: it is.
  virtual const http::Refusal& refusal() const = 0;
  /// Until it was sent without being kept, across any wait.
  const http::RequestHead& head() { return head_ ? *head_ : held_head(); }
  const Peer& peer() const { return peer_; }
  MonoTime began() const { return began_; }
  /// Where the client asked.
  virtual std::uint16_t local_port() const = 0;
  /// All of the body is there, if there is one, and small: it can be kept.
  virtual bool whole() const = 0;
  virtual BodySource& body() = 0;
  /// A request that was kept is to be sent again.
  virtual void replay() = 0;

  // Streams to model servers, whose events wake this one's call
  /// One to the endpoint that is idle, or none.
  virtual UpstreamLease take(traffic::EndpointId endpoint) = 0;
  /// Begins to connect. On failure the lease is empty and `error` is an errno.
  virtual UpstreamLease connect(const traffic::Endpoint& endpoint, int& error) = 0;

  // The answer
  /// A 1xx, for a client that knows of them.
  virtual void interim(const http::ResponseHead& head) = 0;
  /// Sends what is left of it.
  void flush_interim() {
    if (interim_waits_) send_interim();
  }
  virtual Sent respond(const Response& response, UpstreamStream& from) = 0;
  virtual void answer(const OwnAnswer& own, Upload upload) = 0;
  /// The answer was delivered.
  virtual void finish(Upload upload) = 0;
  /// It cannot be completed: the client must not take it for whole.
  virtual void abort() = 0;
  /// The client has closed its side.
  virtual bool gone() const = 0;
  /// Bytes of the answer that have arrived at the client, as far as that can be known.
  virtual std::uint64_t arrived() const = 0;

  // Waiting
  struct Pause {
    enum class For : std::uint8_t { event, reply, turn };
    ClientStream& client;
    MonoTime deadline;
    For what;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) noexcept {
      client.park(handle, deadline, what);
    }
    Woken await_resume() const noexcept { return client.woken_; }
  };
  /// Parks until something happens. `co_await` it as a statement of its own.
  Pause wake(MonoTime deadline) { return {*this, deadline, Pause::For::event}; }
  /// The same, when all that the client can still do is leave.
  Pause wake_for_reply(MonoTime deadline) { return {*this, deadline, Pause::For::reply}; }
  /// Goes on after others had their turn, and not before, whatever happens.
  Pause give_way(MonoTime deadline) { return {*this, deadline, Pause::For::turn}; }

  /// The record whose age is watched while the call waits, and where it keeps its upstream; nullptr
  /// for none.
  void watch(CallRecord* record, const UpstreamLease* upstream) {
    record_ = record;
    upstream_ = upstream;
  }

 protected:
  ~ClientStream() = default;
  virtual void park(std::coroutine_handle<> handle, MonoTime deadline, Pause::For what) = 0;
  virtual const http::RequestHead& held_head() = 0;
  virtual void send_interim() = 0;

  const Peer& peer_;
  const MonoTime began_;
  const http::RequestHead* head_ = nullptr;  // nullptr: ask held_head()
  CallRecord* record_ = nullptr;
  const UpstreamLease* upstream_ = nullptr;
  Woken woken_ = Woken::event;
  bool interim_waits_ = false;
};

}  // namespace canary::call

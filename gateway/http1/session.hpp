// One client connection: its socket, its bytes, its deadline, and the coroutine that serves it.
// Owned by its worker; lives on the worker's thread. Exactly one coroutine is ever parked here; an
// event on any of the session's sockets, its deadline, or the worker's shutdown wakes it. A parked
// coroutine is resumed with a reason, never destroyed.
#pragma once

#include <coroutine>
#include <optional>
#include <string>

#include "call/client.hpp"
#include "call/streams.hpp"
#include "http1/client_stream.hpp"
#include "http1/context.hpp"
#include "reactor/buffer.hpp"
#include "reactor/reactor.hpp"
#include "reactor/task.hpp"

namespace canary::http1 {

using base::Duration;
using base::MonoTime;
using call::Woken;

class Session final : public call::Client,
                      reactor::SocketOwner,
                      reactor::Timer,
                      reactor::Resumable {
 public:
  Session(Context& context, const sockaddr_storage& peer, bool turned_away);
  ~Session() override;

  void start(int fd) override;
  void drain() override;
  void shut_down() override;
  void end_request(const std::string& model, const std::string& version) override;
  bool has_input() const override { return client_.has_input(); }

  Context& context() { return context_; }
  reactor::Socket& socket() { return client_; }
  reactor::Buffer& in() { return in_; }  // from the client
  SocketOwner& as_owner() { return *this; }
  const call::Peer& peer() const { return peer_; }

  /// `co_await` it as a statement of its own.
  struct Pause {
    enum class For : std::uint8_t { event, turn };
    Session& session;
    MonoTime deadline;
    For what;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) noexcept {
      if (what == For::turn)
        session.yield(handle, deadline);
      else
        session.park(handle, deadline, false);
    }
    Woken await_resume() const noexcept { return session.woken_; }
  };
  /// Parks until something happens.
  Pause wake(MonoTime deadline) { return {*this, deadline, Pause::For::event}; }
  /// Goes on after the other sessions had their turn, and not before, whatever happens.
  Pause give_way(MonoTime deadline) { return {*this, deadline, Pause::For::turn}; }

  // For the present request's stream:
  /// `for_reply`: all that the client can still do is leave. On a connection that is new, that is
  /// noticed up to a tick of the timer wheel later.
  void park(std::coroutine_handle<> handle, MonoTime deadline, bool for_reply);
  void yield(std::coroutine_handle<> handle, MonoTime deadline);
  /// The client asked for the end of the connection and has got all it asked for: nothing more will
  /// come that a reset could answer.
  void part() { parted_ = true; }

 private:
  reactor::Task<> serve();
  enum class Input : std::uint8_t { some, none, ended };
  Input receive();
  reactor::Task<> turn_away();
  void build_turned_away(bool to_head);
  reactor::Task<> linger();

  void on_ready(reactor::Socket&) override {
    if (!yielded_) resume(Woken::event);
  }
  void prefetch() const override;
  void on_timer(MonoTime now) override;
  void on_resume() override;
  void arm();
  Woken due();
  void watch_client();
  void resume(Woken why);
  void finish_if_done();
  call::CallRecord* record() const { return stream_ ? stream_->record() : nullptr; }

  Context& context_;
  std::coroutine_handle<> parked_;
  std::unique_ptr<ClientStream> stream_;  // of the present request
  call::CallRecord* watched_ = nullptr;  // of the call that is parked, to be fetched without a look
  MonoTime deadline_ = MonoTime::max();
  MonoTime looked_for_{};  // the deadline for which the sockets were looked at
  reactor::Socket client_;
  reactor::Buffer in_;
  Woken woken_ = Woken::event;
  unsigned served_in_turn_ = 0;  // requests since the session last waited
  bool yielded_ = false, shut_down_ = false, parted_ = false;
  std::optional<reactor::Task<>> task_;
  call::Peer peer_;
};

}  // namespace canary::http1

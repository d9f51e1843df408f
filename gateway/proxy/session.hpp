// One client connection: its socket, its bytes, its deadline, and the coroutine that serves it.
// Owned by its worker; lives on the worker's thread. Exactly one coroutine is ever parked here; an
// event on any of the session's sockets, its deadline, or the worker's shutdown wakes it. A parked
// coroutine is resumed with a reason, never destroyed.
#pragma once

#include <coroutine>
#include <optional>
#include <string>

#include "proxy/exchange_record.hpp"
#include "proxy/upstream_pool.hpp"
#include "reactor/buffer.hpp"
#include "reactor/reactor.hpp"
#include "reactor/task.hpp"

namespace canary::proxy {

class Worker;

enum class Woken : std::uint8_t { event, expired, shutdown };

class Session final : reactor::SocketOwner, reactor::Timer, reactor::Resumable {
 public:
  /// `turned_away`: there is no room for it; it is told so, and ends.
  Session(Worker& worker, const sockaddr_storage& peer, bool turned_away);
  ~Session();
  /// Takes over the accepted descriptor and serves until the connection ends.
  void start(int fd);

  Worker& worker() { return worker_; }
  reactor::Socket& client() { return client_; }
  reactor::Buffer& in() { return in_; }        // from the client
  reactor::Buffer& reply() { return reply_; }  // from the upstream
  SocketOwner& as_owner() { return *this; }
  std::string_view peer() const { return peer_; }
  const std::array<std::uint8_t, 16>& peer_bytes() const { return peer_bytes_; }
  bool client_gone() const { return client_.hung_up(); }
  bool turned_away() const { return turned_away_; }
  /// It waits for a request. Since when; whether it had one before.
  bool idle() const { return idle_; }
  MonoTime idle_since() const { return idle_since_; }
  bool had_request() const { return had_request_; }

  /// `co_await` it as a statement of its own.
  struct Pause {
    enum class For : std::uint8_t { event, reply, turn };
    Session& session;
    MonoTime deadline;
    For what;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) noexcept {
      if (what == For::turn)
        session.yield(handle, deadline);
      else
        session.park(handle, deadline, what == For::reply);
    }
    Woken await_resume() const noexcept { return session.woken_; }
  };
  /// Parks until something happens.
  Pause wake(MonoTime deadline) { return {*this, deadline, Pause::For::event}; }
  /// The same, when all that the client can still do is leave: on a connection that is new, that is
  /// noticed up to a tick of the timer wheel later.
  Pause wake_for_reply(MonoTime deadline) { return {*this, deadline, Pause::For::reply}; }
  /// Goes on after the other sessions had their turn, and not before, whatever happens.
  Pause give_way(MonoTime deadline) { return {*this, deadline, Pause::For::turn}; }

  /// The client asked for the end of the connection and has got all it asked for: nothing more will
  /// come that a reset could answer.
  void part() { parted_ = true; }

  /// The record whose age is watched while the session waits, and where the exchange keeps its
  /// upstream; nullptr for none.
  void watch(ExchangeRecord* record, const UpstreamLease* upstream) {
    record_ = record;
    upstream_ = upstream;
  }

  /// The worker drains: an idle connection closes soon. `now`: it ends at once, whatever it does.
  void drain();
  void shut_down();
  /// Ends the session if its request is in flight to this version.
  void end_request(const std::string& model, const std::string& version);

  // The worker's list of sessions.
  Session* previous = nullptr;
  Session* next = nullptr;

 private:
  reactor::Task<> serve();
  enum class Input : std::uint8_t { some, none, ended };
  Input receive();
  reactor::Task<> turn_away();
  reactor::Task<> linger();

  void on_ready(reactor::Socket&) override {
    if (!yielded_) resume(Woken::event);
  }
  void prefetch() const override;
  void on_timer(MonoTime now) override;
  void on_resume() override;
  void park(std::coroutine_handle<> handle, MonoTime deadline, bool for_reply);
  void yield(std::coroutine_handle<> handle, MonoTime deadline);
  void arm();
  Woken due();
  void watch_client();
  void resume(Woken why);
  void finish_if_done();

  Worker& worker_;
  std::coroutine_handle<> parked_;
  ExchangeRecord* record_ = nullptr;
  const UpstreamLease* upstream_ = nullptr;
  MonoTime deadline_ = MonoTime::max();
  MonoTime looked_for_{};  // the deadline for which the sockets were looked at
  reactor::Socket client_;
  reactor::Buffer in_, reply_;
  Woken woken_ = Woken::event;
  unsigned served_in_turn_ = 0;  // requests since the session last waited
  MonoTime idle_since_{};
  const bool turned_away_;
  bool idle_ = false, yielded_ = false, shut_down_ = false, parted_ = false, had_request_ = false;
  std::optional<reactor::Task<>> task_;
  std::string peer_;
  std::array<std::uint8_t, 16> peer_bytes_{};
};

}  // namespace canary::proxy

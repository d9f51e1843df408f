#include "proxy/session.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/prefetch.hpp"
#include "proxy/exchange.hpp"
#include "proxy/worker.hpp"
#include "reactor/tcp.hpp"

namespace canary::proxy {
namespace {

// How long a connection that we end waits for the client to read our last answer and close: for a
// moment of silence, and longer while it still sends what was refused.
constexpr Duration linger_silence = std::chrono::seconds(1);
constexpr Duration linger_time = std::chrono::seconds(5);
constexpr std::size_t linger_turn = 512 << 10;
// How long an idle connection may still bring a request when the worker drains: its answer then
// says `Connection: close`, so that no client meets a closed connection in mid-send.
constexpr Duration drain_idle = std::chrono::seconds(1);
constexpr Duration turn_away_wait = std::chrono::seconds(1);
constexpr std::size_t least_room = 4 << 10;
constexpr std::size_t parked_frame = 256;  // of the innermost coroutine, about
// Pipelined requests that we answer ourselves need no wait: so many, then others have their turn.
constexpr unsigned most_in_turn = 16;

std::array<std::uint8_t, 16> mapped(const sockaddr_storage& peer) {
  std::array<std::uint8_t, 16> bytes{};
  if (peer.ss_family == AF_INET6) {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr, 16);
  } else if (peer.ss_family == AF_INET) {
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(bytes.data() + 12, &reinterpret_cast<const sockaddr_in&>(peer).sin_addr, 4);
  }
  return bytes;
}

}  // namespace

Session::Session(Worker& worker, const sockaddr_storage& peer, bool turned_away)
    : worker_(worker),
      in_(worker.buffers()),
      reply_(worker.buffers()),
      turned_away_(turned_away),
      peer_(reactor::host_text(peer)),
      peer_bytes_(mapped(peer)) {}

Session::~Session() { worker_.reactor().close(client_); }

void Session::start(int fd) {
  client_.owner = this;
  worker_.reactor().hold(client_, fd);
  task_.emplace(turned_away_ ? turn_away() : serve());
  finish_if_done();
}

// What an idle connection holds is this frame alone.
reactor::Task<> Session::serve() {
  for (;; had_request_ = true) {
    Input input = in_.empty() ? receive() : Input::some;  // the client may pipeline
    if (input == Input::none) {
      const auto& timeouts = worker_.table()->timeouts;
      idle_since_ = worker_.reactor().now();
      MonoTime deadline = idle_since_ + (had_request_ ? timeouts.keepalive_idle : timeouts.header);
      while (input == Input::none) {
        if (worker_.draining()) deadline = std::min(deadline, worker_.reactor().now() + drain_idle);
        idle_ = true;
        const Woken woken = co_await wake(deadline);
        idle_ = false;
        input = woken == Woken::event ? receive() : Input::ended;
      }
    }
    if (input == Input::ended) break;
    const bool more = co_await Exchange::serve(*this);
    if (!more) {
      if (!parted_) co_await linger();
      break;
    }
    if (++served_in_turn_ >= most_in_turn) co_await give_way(MonoTime::max());
  }
  worker_.reactor().close(client_);
}

Session::Input Session::receive() {
  const reactor::Io io = client_.receive(in_.prepare(least_room));
  if (io.status == reactor::IoStatus::ok) {
    in_.commit(io.bytes);
    return Input::some;
  }
  in_.clear();
  return io.status == reactor::IoStatus::again ? Input::none : Input::ended;
}

// An answer to what was not asked yet would confuse some clients: the first bytes are waited for,
// for a moment.
reactor::Task<> Session::turn_away() {
  const MonoTime deadline = worker_.reactor().now() + turn_away_wait;
  Input input = receive();
  while (input == Input::none) {
    const Woken woken = co_await wake(deadline);
    if (woken != Woken::event) break;
    input = receive();
  }
  worker_.build_turned_away(in_.view().starts_with("HEAD "));
  if (client_.send(worker_.scratch.view()).status == reactor::IoStatus::ok) co_await linger();
  worker_.reactor().close(client_);
}

// Ends our side and reads on for a moment: closing with unread bytes would reset the connection
// and could destroy the answer on its way.
reactor::Task<> Session::linger() {
  if (!client_.open() || client_.hung_up()) co_return;
  in_.clear();
  if (::shutdown(client_.fd(), SHUT_WR) != 0) co_return;
  const MonoTime end = worker_.reactor().now() + linger_time;
  std::size_t in_turn = 0;
  for (;;) {
    const reactor::Io io = client_.receive(in_.prepare(least_room));
    in_.clear();
    in_turn += io.bytes;
    const bool sends = io.status == reactor::IoStatus::ok;
    if (sends && in_turn < linger_turn) continue;
    if (!sends && io.status != reactor::IoStatus::again) co_return;
    in_turn = 0;
    const MonoTime deadline = std::min(end, worker_.reactor().now() + linger_silence);
    auto pause = sends ? give_way(deadline) : wake(deadline);
    const Woken woken = co_await pause;
    if (woken != Woken::event) co_return;
  }
}

// A client that asks once and leaves may never be waited for: its registration is put off until it
// is, or the reply takes its time.
void Session::park(std::coroutine_handle<> handle, MonoTime deadline, bool for_reply) {
  parked_ = handle;
  served_in_turn_ = 0;
  if (!for_reply) watch_client();
  in_.compact();
  reply_.compact();
  deadline_ = shut_down_ ? MonoTime{} : deadline;
  arm();
}

void Session::arm() {
  const MonoTime age = record_ ? record_->next_age_check() : MonoTime::max();
  const MonoTime next = client_.watched() ? std::min(deadline_, age) : MonoTime{};
  worker_.reactor().wheel().arm(*this, next);
}

void Session::watch_client() {
  if (!client_.open() || client_.watched()) return;
  if (!worker_.reactor().watch(client_)) shut_down_ = true;
}

void Session::yield(std::coroutine_handle<> handle, MonoTime deadline) {
  parked_ = handle;
  served_in_turn_ = 0;
  deadline_ = deadline;
  yielded_ = true;
  worker_.reactor().yield(*this);
}

void Session::prefetch() const {
  base::prefetch(this, sizeof *this);
  base::prefetch(parked_.address(), parked_frame);
  if (record_) base::prefetch(record_, sizeof(Exchange));
}

void Session::on_resume() {
  const MonoTime now = worker_.reactor().now();
  if (record_) record_->check_age(now);
  resume(shut_down_ ? Woken::shutdown : now >= deadline_ ? Woken::expired : Woken::event);
}

void Session::on_timer(MonoTime now) {
  if (record_) record_->check_age(now);
  if (!parked_ || yielded_) return;
  watch_client();
  if (shut_down_ || now >= deadline_)
    resume(due());
  else
    arm();
}

// What has come is read before it is given up: after a pause of the process, or a long batch of
// events, answers and deadlines are due together. Once for each deadline, or a busy connection
// would have none.
Woken Session::due() {
  if (shut_down_) return Woken::shutdown;
  if (std::exchange(looked_for_, deadline_) == deadline_) return Woken::expired;
  const bool clients = reactor::Reactor::look(client_);
  const bool upstreams = upstream_ && *upstream_ && reactor::Reactor::look((*upstream_)->socket);
  return clients || upstreams ? Woken::event : Woken::expired;
}

void Session::resume(Woken why) {
  if (!parked_) return;
  woken_ = why;
  yielded_ = false;
  std::exchange(parked_, {}).resume();
  finish_if_done();
}

void Session::finish_if_done() {
  if (task_->done()) worker_.ended(*this);
}

void Session::drain() {
  if (idle_)
    worker_.reactor().wheel().arm(
        *this, deadline_ = std::min(deadline_, worker_.reactor().now() + drain_idle));
}

void Session::end_request(const std::string& model, const std::string& version) {
  const traffic::Version* to = record_ ? record_->in_flight() : nullptr;
  if (to && to->name == version && to->stats->model == model) shut_down();
}

void Session::shut_down() {
  shut_down_ = true;
  if (parked_ && !yielded_) resume(Woken::shutdown);
}

}  // namespace canary::proxy

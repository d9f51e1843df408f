#include "http1/session.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/prefetch.hpp"
#include "call/call.hpp"
#include "http/build_head.hpp"
#include "reactor/tcp.hpp"

namespace canary::http1 {
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

Session::Session(Context& context, const sockaddr_storage& peer, bool turned_away)
    : Client(turned_away),
      context_(context),
      in_(context.buffers),
      peer_{reactor::host_text(peer), mapped(peer)} {}

Session::~Session() { context_.reactor.close(client_); }

void Session::start(int fd) {
  client_.owner = this;
  context_.reactor.hold(client_, fd);
  task_.emplace(turned_away() ? turn_away() : serve());
  finish_if_done();
}

// What an idle connection holds is this frame alone.
reactor::Task<> Session::serve() {
  for (;; had_request_ = true) {
    Input input = in_.empty() ? receive() : Input::some;  // the client may pipeline
    if (input == Input::none) {
      const auto& timeouts = context_.call.in_force().timeouts;
      idle_since_ = context_.now();
      MonoTime deadline = idle_since_ + (had_request_ ? timeouts.keepalive_idle : timeouts.header);
      while (input == Input::none) {
        if (context_.draining) deadline = std::min(deadline, context_.now() + drain_idle);
        idle_ = true;
        const Woken woken = co_await wake(deadline);
        idle_ = false;
        input = woken == Woken::event ? receive() : Input::ended;
      }
    }
    if (input == Input::ended) break;
    stream_.reset(new ClientStream(*this));
    bool more = stream_->find_head();
    if (!more) more = co_await stream_->read_head();
    if (more) {
      co_await call::Call::serve(context_.call, *stream_);
      if (stream_->unfinished()) co_await stream_->finish_answer();
      more = stream_->more();
    }
    stream_.reset();
    if (!more) {
      if (!parted_) co_await linger();
      break;
    }
    if (++served_in_turn_ >= most_in_turn) co_await give_way(MonoTime::max());
  }
  context_.reactor.close(client_);
}

Session::Input Session::receive() {
  if (!client_.readable()) return Input::none;
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
  const MonoTime deadline = context_.now() + turn_away_wait;
  Input input = receive();
  while (input == Input::none) {
    const Woken woken = co_await wake(deadline);
    if (woken != Woken::event) break;
    input = receive();
  }
  build_turned_away(in_.view().starts_with("HEAD "));
  if (client_.send(context_.scratch.view()).status == reactor::IoStatus::ok) co_await linger();
  context_.reactor.close(client_);
}

void Session::build_turned_away(bool to_head) {
  char id[base::uuid_length];
  base::write_uuid_v7(id, context_.call.wall(), context_.call.random);
  const std::string_view request_id(id, sizeof id);
  std::string body;
  http::append_error_body(body, "too_many_connections",
                          "the gateway has as many connections as it can hold", request_id);
  context_.scratch.clear();
  http::build_own_response(context_.scratch, {.status = 503,
                                              .body = body,
                                              .request_id = request_id,
                                              .date = context_.date(),
                                              .extra = "Retry-After: 1\r\n",
                                              .close = true,
                                              .to_head = to_head});
}

// Ends our side and reads on for a moment: closing with unread bytes would reset the connection
// and could destroy the answer on its way.
reactor::Task<> Session::linger() {
  if (!client_.open() || client_.hung_up()) co_return;
  in_.clear();
  if (::shutdown(client_.fd(), SHUT_WR) != 0) co_return;
  const MonoTime end = context_.now() + linger_time;
  std::size_t in_turn = 0;
  for (;;) {
    const reactor::Io io = client_.receive(in_.prepare(least_room));
    in_.clear();
    in_turn += io.bytes;
    const bool sends = io.status == reactor::IoStatus::ok;
    if (sends && in_turn < linger_turn) continue;
    if (!sends && io.status != reactor::IoStatus::again) co_return;
    in_turn = 0;
    const MonoTime deadline = std::min(end, context_.now() + linger_silence);
    auto pause = sends ? give_way(deadline) : wake(deadline);
    const Woken woken = co_await pause;
    if (woken != Woken::event) co_return;
  }
}

// A client that asks once and leaves may never be waited for: its registration is put off until it
// is, or the reply takes its time.
void Session::park(std::coroutine_handle<> handle, MonoTime deadline, bool for_reply) {
  parked_ = handle;
  watched_ = record();
  served_in_turn_ = 0;
  if (!for_reply) watch_client();
  in_.compact();
  deadline_ = shut_down_ ? MonoTime{} : deadline;
  arm();
}

void Session::arm() {
  const MonoTime age = watched_ ? watched_->next_age_check() : MonoTime::max();
  const MonoTime next = client_.watched() ? std::min(deadline_, age) : MonoTime{};
  context_.reactor.wheel().arm(*this, next);
}

void Session::watch_client() {
  if (!client_.open() || client_.watched()) return;
  if (!context_.reactor.watch(client_)) shut_down_ = true;
}

void Session::yield(std::coroutine_handle<> handle, MonoTime deadline) {
  parked_ = handle;
  watched_ = record();
  served_in_turn_ = 0;
  deadline_ = deadline;
  yielded_ = true;
  context_.reactor.yield(*this);
}

void Session::prefetch() const {
  base::prefetch(this, sizeof *this);
  base::prefetch(parked_.address(), parked_frame);
  if (stream_) base::prefetch(stream_.get(), sizeof *stream_);
  if (watched_) base::prefetch(watched_, sizeof(call::Call));
}

void Session::on_resume() {
  const MonoTime now = context_.now();
  if (call::CallRecord* const watched = record()) watched->check_age(now);
  resume(shut_down_ ? Woken::shutdown : now >= deadline_ ? Woken::expired : Woken::event);
}

void Session::on_timer(MonoTime now) {
  if (call::CallRecord* const watched = record()) watched->check_age(now);
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
  const call::UpstreamLease* const lease = stream_ ? stream_->upstream() : nullptr;
  const bool upstreams = lease && *lease && (*lease)->look();
  return clients || upstreams ? Woken::event : Woken::expired;
}

void Session::resume(Woken why) {
  if (!parked_) return;
  woken_ = why;
  if (stream_) stream_->woken(why);
  yielded_ = false;
  std::exchange(parked_, {}).resume();
  finish_if_done();
}

void Session::finish_if_done() {
  if (task_->done()) context_.ended(*this);
}

void Session::drain() {
  if (idle_)
    context_.reactor.wheel().arm(*this,
                                 deadline_ = std::min(deadline_, context_.now() + drain_idle));
}

void Session::end_request(const std::string& model, const std::string& version) {
  const call::CallRecord* const watched = record();
  const traffic::Version* const to = watched ? watched->in_flight() : nullptr;
  if (to && to->name == version && to->stats->model == model) shut_down();
}

void Session::shut_down() {
  shut_down_ = true;
  if (parked_ && !yielded_) resume(Woken::shutdown);
}

}  // namespace canary::http1

// From the request head that is sent to the response head that has come.
#include <algorithm>
#include <cerrno>

#include "http/build_head.hpp"
#include "proxy/exchange.hpp"
#include "proxy/worker.hpp"
#include "reactor/tcp.hpp"

namespace canary::proxy {
namespace {

using stats::Outcome;

constexpr std::size_t least_room = 4 << 10;
constexpr std::uint8_t most_interim_responses = 16;

}  // namespace

// The pick is the present table's and the head has just been parsed: nothing waits in between.
void Exchange::send_request() {
  const http::RequestHead& head = worker_.request;
  reactor::Buffer& in = session_.in();
  const std::size_t in_hand = in.size() - head_size_;
  const http::BodyReader body(head.framing, head.content_length);
  const bool whole = whole_in_hand(body, in_hand);
  const bool may_repeat = head.idempotent || model_->settings.upstream.retry_reused_post;
  replayable_ = upstream_->reused && !retried_ && whole && may_repeat;

  base::TextBuffer& out = worker_.scratch;
  out.clear();
  append_head(out);
  if (expect_continue_ && !whole) interim_left_ = go_on;
  const std::uint64_t limit = table_->limits.request_body;
  const bool chunked = head.framing == http::Framing::chunked;
  forwarded_ = true;
  upload_done_ = upload_broken_ = false;
  progress_at_ = worker_.reactor().now();
  record_.dispatched(progress_at_);
  if (whole) {
    request_body_ = static_cast<std::size_t>(body.remaining());
    out.append(in.view().substr(head_size_, request_body_));
    const std::size_t size = head_size_ + request_body_;
    if (replayable_ || asks_to_switch_)
      retained_ = size;
    else
      in.consume(size);
    if (send_whole(out.view(), upload_, session_.client(), in, upstream_->socket))
      uploaded(worker_.reactor().now());
  } else {
    in.consume(head_size_);
    upload_.emplace(session_.client(), in, body, upstream_->socket, chunked, limit);
    upload_->head(out);
  }
}

void Exchange::append_head(base::TextBuffer& out) {
  const http::RequestHead& head = worker_.request;
  const bool trusted = trusts_peer();
  origin_.take(head, trusted);
  // HTTP/1.0 clients may name no host.
  const bool nameless = head.authority.empty();
  const bool clients = model_->settings.upstream.host.kind == config::UpstreamHost::Kind::client;
  std::string_view port = head.port.empty() ? std::string_view("80") : head.port;
  if (nameless) port = worker_.text = std::to_string(reactor::bound_port(session_.client().fd()));
  http::build_request_head(
      out, head,
      {.host = clients && !nameless ? head.authority : std::string_view(endpoint_->host),
       .client_address = session_.peer(),
       .port = port,
       .request_id = request_id(),
       .trust_forwarded = trusted});
}

void Exchange::uploaded(MonoTime now) {
  upload_done_ = true;
  if (!retried_) sent_at_ = now;
  record_.request_sent(now);
}

reactor::Task<Exchange::Reply> Exchange::await_reply() {
  for (;;) {
    send_interim();
    if (uploading()) {
      const auto failed = upload_step();
      if (failed) co_return *failed;
    }
    const auto reply = receive_reply();
    if (reply) co_return *reply;
    if (session_.client_gone()) co_return refuse(0, {}, {}, Outcome::client_abort);
    const MonoTime deadline = reply_deadline();
    const MonoTime parked = worker_.reactor().now();
    const bool all_sent = upload_done_ && interim_left_.empty();
    auto pause = upload_gave_way_ ? session_.give_way(deadline)
                 : all_sent       ? session_.wake_for_reply(deadline)
                                  : session_.wake(deadline);
    const Woken woken = co_await pause;
    const MonoTime now = worker_.reactor().now();
    if (woken == Woken::shutdown) co_return refuse(0, {}, {}, Outcome::gateway_error);
    if (woken == Woken::expired && !(waits_for_client_ && client_keeps_up(now)))
      co_return reply_expired(now);
    record_.version_waited_for(parked, now);
  }
}

std::optional<Exchange::Reply> Exchange::upload_step() {
  const std::uint64_t before = upload_->bytes_moved();
  const Relay::Progress progress = upload_->step();
  const MonoTime now = worker_.reactor().now();
  if (upload_->bytes_moved() != before) {
    progress_at_ = now;
    record_.client_moved(now);
  }
  const bool waits = progress == Relay::Progress::want_input;
  if (waits && !waits_for_client_ && !download_) pace_.begin(now, client_bytes());
  waits_for_client_ = waits;
  upload_gave_way_ = progress == Relay::Progress::gave_way;
  if (!download_) {
    record_.client_blocks(waits_for_client_, now);
    if (upload_->bytes_moved() != before) record_.goes_on();
    if (progress == Relay::Progress::want_output) record_.held_up(now);
  }
  switch (progress) {
    case Relay::Progress::done:
      uploaded(now);
      return std::nullopt;
    case Relay::Progress::want_input:
    case Relay::Progress::want_output:
    case Relay::Progress::gave_way:
      return std::nullopt;
    case Relay::Progress::sink_failed:  // an answer may have come before the connection broke
      upload_broken_ = true;
      if (!retried_) sent_at_ = now;
      return std::nullopt;
    case Relay::Progress::source_ended:
    case Relay::Progress::source_failed:
      return refuse(0, {}, {}, Outcome::client_abort);
    case Relay::Progress::bad_framing:
      return refuse(400, "bad_chunk", "the request body's chunk framing is broken",
                    Outcome::client_abort);
    case Relay::Progress::too_large:
      return refuse(413, "request_too_large", "the request body is larger than limits.request_body",
                    Outcome::client_abort);
  }
  return std::nullopt;
}

// Reads what the upstream has sent, up to and including a final response head.
std::optional<Exchange::Reply> Exchange::receive_reply() {
  reactor::Buffer& reply = session_.reply();
  const http::HeadLimits limits{table_->limits.header_bytes, http::max_fields};
  for (;;) {
    const std::size_t head_size = http::find_head_end(reply.view(), reply_scanned_);
    if (head_size > 0) {
      const auto parsed = parse_reply(head_size);
      if (parsed) return parsed;
      continue;
    }
    if (const auto refusal = http::refuse_incomplete_response(reply.view(), limits))
      return refuse(502, "upstream_bad_response", refusal.message, Outcome::bad_output);
    const reactor::Io io = upstream_->socket.receive(reply.prepare(least_room));
    switch (io.status) {
      case reactor::IoStatus::ok:
        reply.commit(io.bytes);
        break;
      case reactor::IoStatus::again:
        if (reply.empty()) reply.clear();
        return std::nullopt;
      case reactor::IoStatus::closed:
      case reactor::IoStatus::failed:
        return reply_broken(io.error);
    }
  }
}

// A whole head is at the front of reply(): Reply::head for a final one, nothing for a 1xx.
std::optional<Exchange::Reply> Exchange::parse_reply(std::size_t head_size) {
  reactor::Buffer& reply = session_.reply();
  const http::HeadLimits limits{table_->limits.header_bytes, http::max_fields};
  const auto refusal = worker_.response.parse(reply.view().substr(0, head_size), is_head_, limits);
  if (refusal) return refuse(502, "upstream_bad_response", refusal.message, Outcome::bad_output);
  const std::uint64_t unacknowledged = reactor::unacknowledged(upstream_->socket.fd());
  if (unacknowledged >= upstream_->socket.sent() - upstream_->sent_before) return spoke_unasked();
  request_arrived_ = unacknowledged == 0;
  if (worker_.response.status >= 200) {
    reply_size_ = head_size;
    return Reply::head;
  }
  if (worker_.response.status == 101) return switch_protocols(head_size);
  if (++interim_responses_ > most_interim_responses)
    return refuse(502, "upstream_bad_response", "the model server sends 1xx without end",
                  Outcome::bad_output);
  pass_interim();
  reply.consume(head_size);
  reply_scanned_ = 0;
  return std::nullopt;
}

// A 1xx goes on to a client that knows of it; 100 is ours to say, for we take Expect. One that the
// client does not take in time is dropped instead of piled up: it is not needed.
void Exchange::pass_interim() {
  send_interim();
  if (http_1_0_ || worker_.response.status == 100 || !interim_left_.empty()) return;
  interim_.clear();
  http::build_response_head(interim_, worker_.response, {});
  interim_left_ = interim_.view();
  send_interim();
}

void Exchange::send_interim() {
  if (interim_left_.empty()) return;
  const reactor::Io io = session_.client().send(interim_left_);
  interim_left_.remove_prefix(io.bytes);
}

// The head in reply() was sent before anything of this request had arrived: it answers nothing, or
// something else. On a connection that was reused it may be what a server says when it gives up an
// idle one, such as 408: like an end without a word. Beyond what is believed, it is a server that
// says things of its own accord.
Exchange::Reply Exchange::spoke_unasked() {
  worker_.upstreams().unasked(upstream_->endpoint);
  const bool race = upstream_->reused && interim_responses_ == 0;
  if (race && replayable_) return try_again();
  return refuse(502, "upstream_bad_response", "the model server sent bytes before it was asked",
                race && races().take() ? Outcome::gateway_error : Outcome::bad_output);
}

// On a new connection. What the first try took is gone: there is one timeouts.first_byte for both.
Exchange::Reply Exchange::try_again() {
  if (sent_at_ == MonoTime{}) sent_at_ = worker_.reactor().now();
  retried_ = true;
  head_fresh_ = forwarded_ = false;
  retained_ = request_body_ = reply_scanned_ = 0;
  upload_.reset();
  upstream_.reset();
  session_.reply().clear();
  return Reply::retry;
}

// The connection ended before the response head was whole. `error`: an errno, 0 for an orderly end.
Exchange::Reply Exchange::reply_broken(int error) {
  const bool untouched = session_.reply().empty() && interim_responses_ == 0;
  const bool race = untouched && upstream_->reused;  // with the upstream's own keep-alive timeout
  if (race && replayable_) return try_again();
  // A reset carries no acknowledgement that would be counted: it alone does not say who was first.
  // The upload may have met it before this.
  if (error == 0 && upload_) error = upload_->error();
  const bool never_taken =
      error != ECONNRESET &&
      !reactor::acknowledged_beyond(upstream_->socket.fd(), upstream_->sent_before);
  Outcome outcome = ended_by_version(Outcome::reset, worker_.reactor().now());
  const bool excused = outcome == Outcome::reset && race && (never_taken || races().take());
  if (excused) outcome = Outcome::gateway_error;
  return refuse(502, "upstream_reset", "the model server closed the connection without an answer",
                outcome);
}

stats::RaceAllowance& Exchange::races() {
  return version_->stats->requests->at(worker_.index()).races;
}

MonoTime Exchange::reply_deadline() const {
  const auto& timeouts = model_->settings.timeouts;
  MonoTime deadline = progress_at_ + timeouts.idle;
  if (!uploading())
    deadline = sent_at_ + timeouts.first_byte;
  else if (waits_for_client_)
    deadline = std::min(progress_at_ + table_->timeouts.body_idle, pace_.due(pace_rule()));
  return std::min(deadline, total_deadline());
}

// Where both sides are silent, the client may be waiting for more of the answer.
ClientPace::Rule Exchange::pace_rule() const {
  const Duration body_idle = table_->timeouts.body_idle;
  const Duration patience =
      starved_ ? std::max(body_idle, model_->settings.timeouts.idle) : body_idle;
  return {table_->limits.min_rate, patience};
}

// What it has sent of its body, and what its kernel has taken of the answer.
std::uint64_t Exchange::client_bytes() const {
  const reactor::Socket& client = session_.client();
  return received() + client.sent() - reactor::unacknowledged(client.fd());
}

// At a deadline while the exchange waits for the client: whether it goes on.
bool Exchange::client_keeps_up(MonoTime now) {
  const ClientPace::Rule rule = pace_rule();
  const std::uint64_t bytes = client_bytes();
  // A reader may go on for long before the kernel has room for more, and says so.
  if (pace_.moved(bytes) && download_) progress_at_ = now;
  return now < progress_at_ + rule.patience && now < total_deadline() &&
         pace_.keeps_up(rule, now, bytes);
}

Exchange::Reply Exchange::reply_expired(MonoTime now) {
  const bool client_late = uploading() && waits_for_client_;
  if (client_late && now < progress_at_ + table_->timeouts.body_idle && now < total_deadline())
    return refuse(408, "body_too_slow",
                  "the request body came more slowly than limits.min_rate allows",
                  Outcome::client_abort);
  if (client_late)
    return refuse(408, "body_idle_timeout", "no request bytes came for timeouts.body_idle",
                  Outcome::client_abort);
  if (now >= total_deadline())
    return refuse(504, "upstream_total_timeout",
                  "the model server did not finish within timeouts.total", total_outcome(now));
  if (!uploading())
    return refuse(504, "upstream_first_byte_timeout",
                  "the model server did not answer within timeouts.first_byte",
                  Outcome::timeout_first_byte);
  return refuse(504, "upstream_idle_timeout",
                "the model server took no request bytes for timeouts.idle", Outcome::timeout_idle);
}

MonoTime Exchange::total_deadline() const {
  const Duration total = model_->settings.timeouts.total;
  return total.count() > 0 ? record_.start() + total : MonoTime::max();
}

// A client that has used up the time itself left the version none.
Outcome Exchange::total_outcome(MonoTime now) const {
  return record_.client_took_most(now) ? Outcome::client_abort : Outcome::timeout_total;
}

Exchange::Reply Exchange::refuse(std::uint16_t status, std::string_view code,
                                 std::string_view message, Outcome outcome) {
  refused_ = {status, code, message, outcome};
  return Reply::refused;
}

}  // namespace canary::proxy

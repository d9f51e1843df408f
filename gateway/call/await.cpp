// From the request head that is sent to the response head that has come.
#include <algorithm>
#include <cerrno>

#include "call/call.hpp"
#include "call/classify.hpp"
#include "http/upgrade.hpp"

namespace canary::call {
namespace {

using stats::Outcome;

constexpr std::uint8_t most_interim_responses = 16;

}  // namespace

// The pick is the present table's: nothing waits between them.
void Call::send_request() {
  const http::RequestHead& head = client_.head();
  const bool may_repeat = head.idempotent || model_->settings.upstream.retry_reused_post;
  const bool whole = client_.whole();
  replayable_ = upstream_->reused() && !retried_ && whole && may_repeat;
  upload_ = Upload::under_way;
  progress_at_ = context_.now();
  record_.dispatched(progress_at_);
  may_switch_ = !head.upgrade.empty();
  using Body = UpstreamStream::Body;
  const bool keep = replayable_ || may_switch_;
  const Sent sent = ask(!whole ? Body::streamed : keep ? Body::kept : Body::whole);
  request_body_ = sent.body;
  up_ = sent.rest;
  if (!up_) uploaded(progress_at_);
}

Sent Call::ask(UpstreamStream::Body how) {
  const http::RequestHead& head = client_.head();
  const bool trusted = trusts_peer();
  origin_.take(head, trusted);
  // HTTP/1.0 clients may name no host.
  const bool nameless = head.authority.empty();
  const bool clients = model_->settings.upstream.host.kind == config::UpstreamHost::Kind::client;
  std::string_view port = head.port.empty() ? std::string_view("80") : head.port;
  if (nameless) port = context_.text = std::to_string(client_.local_port());
  return upstream_->ask(
      head,
      {.host = clients && !nameless ? head.authority : std::string_view(endpoint_->host),
       .client_address = client_.peer().text,
       .port = port,
       .request_id = request_id(),
       .trust_forwarded = trusted},
      client_.body(), how);
}

void Call::uploaded(MonoTime now) {
  upload_ = Upload::done;
  if (!retried_) sent_at_ = now;
  record_.request_sent(now);
}

reactor::Task<Call::Reply> Call::await_reply() {
  for (;;) {
    client_.flush_interim();
    if (uploading()) {
      const auto failed = upload_step();
      if (failed) co_return *failed;
    }
    const auto reply = receive_reply();
    if (reply) co_return *reply;
    if (client_.gone()) co_return refuse(0, {}, {}, Outcome::client_abort);
    const MonoTime deadline = reply_deadline();
    const MonoTime parked = context_.now();
    auto pause = upload_step_ == Transfer::Progress::gave_way ? client_.give_way(deadline)
                 : upload_ == Upload::done                    ? client_.wake_for_reply(deadline)
                                                              : client_.wake(deadline);
    const Woken woken = co_await pause;
    const MonoTime now = context_.now();
    if (woken == Woken::shutdown) co_return refuse(0, {}, {}, Outcome::gateway_error);
    if (woken == Woken::expired && !(waits_for_client() && client_keeps_up(now)))
      co_return reply_expired(now);
    record_.version_waited_for(parked, now);
  }
}

std::optional<Call::Reply> Call::upload_step() {
  using Progress = Transfer::Progress;
  const std::uint64_t before = up_->bytes_moved();
  const bool waited = waits_for_client();
  const Progress progress = upload_step_ = up_->step();
  const MonoTime now = context_.now();
  const bool moved = up_->bytes_moved() != before;
  if (moved) {
    progress_at_ = now;
    record_.client_moved(now);
  }
  if (!down_) {
    if (waits_for_client() && !waited) pace_.begin(now, client_bytes());
    record_.client_blocks(waits_for_client(), now);
    if (moved) record_.goes_on();
    if (progress == Progress::want_output) record_.held_up(now);
  }
  switch (progress) {
    case Progress::done:
      uploaded(now);
      return std::nullopt;
    case Progress::want_input:
    case Progress::want_output:
    case Progress::gave_way:
      return std::nullopt;
    case Progress::sink_failed:  // an answer may have come before the connection broke
      upload_ = Upload::broken;
      if (!retried_) sent_at_ = now;
      return std::nullopt;
    case Progress::source_ended:
    case Progress::source_failed:
      return refuse(0, {}, {}, Outcome::client_abort);
    case Progress::bad_framing:
      return refuse(400, "bad_chunk", "the request body's chunk framing is broken",
                    Outcome::client_abort);
    case Progress::too_large:
      return refuse(413, "request_too_large", "the request body is larger than limits.request_body",
                    Outcome::client_abort);
  }
  return std::nullopt;
}

// Reads what the upstream has sent, up to and including a final response head.
std::optional<Call::Reply> Call::receive_reply() {
  using What = UpstreamStream::Answer::What;
  for (;;) {
    const UpstreamStream::Answer answer = upstream_->answer();
    switch (answer.what) {
      case What::none:
        return std::nullopt;
      case What::head: {
        response_ = answer.head;
        const auto reply = take_head(*answer.head);
        if (reply) return reply;
        break;
      }
      case What::unasked:
        return spoke_unasked();
      case What::bad:
        return bad_response(answer.message);
      case What::broke_off:
        return reply_broken(answer.error);
    }
  }
}

// Reply::head for a final one, nothing for a 1xx. 100 is the wire's to say, for it takes Expect.
std::optional<Call::Reply> Call::take_head(const http::ResponseHead& head) {
  if (head.status >= 200) return Reply::head;
  if (head.status == 101) {
    if (may_switch_) protocol_ = http::switched_protocol(head, client_.head().upgrade);
    if (!protocol_.empty()) return Reply::switched;
    return bad_response(may_switch_ ? "the model server switched to a protocol that was not offered"
                                    : "the model server switched protocols unasked");
  }
  if (++interim_responses_ > most_interim_responses)
    return bad_response("the model server sends 1xx without end");
  client_.interim(head);
  return std::nullopt;
}

// It answers nothing, or something else. On a stream that was reused it may be what a server says
// when it gives up an idle one, such as 408: like an end without a word. Beyond what is believed,
// it is a server that says things of its own accord.
Call::Reply Call::spoke_unasked() {
  const bool race = upstream_->reused() && interim_responses_ == 0;
  if (race && replayable_) return try_again();
  return bad_response(
      "the model server sent bytes before it was asked",
      classify::unanswered(Outcome::bad_output, race, UpstreamStream::Fate::maybe_begun, races()));
}

// On a new stream. What the first try took is gone: there is one timeouts.first_byte for both.
Call::Reply Call::try_again() {
  if (sent_at_ == MonoTime{}) sent_at_ = context_.now();
  retried_ = true;
  upload_ = Upload::none;
  upload_step_ = Transfer::Progress::done;
  request_body_ = 0;
  up_ = nullptr;
  client_.replay();
  upstream_.reset();
  return Reply::retry;
}

// The stream ended before the response head was whole. `error`: an errno, 0 for an orderly end.
Call::Reply Call::reply_broken(int error) {
  using Fate = UpstreamStream::Fate;
  const Fate fate = upstream_->fate(error);
  const bool silent = fate != Fate::answered && interim_responses_ == 0;
  const bool race = silent && upstream_->reused();  // with the upstream's own keep-alive timeout
  if (race && replayable_) return try_again();
  const Outcome seen = ended_by_version(Outcome::reset, context_.now());
  return refuse(502, "upstream_reset", "the model server closed the connection without an answer",
                classify::unanswered(seen, race, fate, races()));
}

stats::RaceAllowance& Call::races() { return version_->stats->requests->at(context_.worker).races; }

Call::Reply Call::bad_response(std::string_view message, Outcome outcome) {
  return refuse(502, "upstream_bad_response", message, outcome);
}

Call::Reply Call::refuse(std::uint16_t status, std::string_view code, std::string_view message,
                         Outcome outcome) {
  refused_ = {status, code, message, outcome};
  return Reply::refused;
}

}  // namespace canary::call

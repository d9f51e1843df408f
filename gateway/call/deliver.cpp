// The way back to the client: the upstream's response, or an answer of our own.
#include <algorithm>

#include "base/text.hpp"
#include "call/access_line.hpp"
#include "call/call.hpp"
#include "call/classify.hpp"
#include "call/tunnel.hpp"

namespace canary::call {
namespace {

using stats::Outcome;

}  // namespace

bool Call::start_delivery() {
  http::ResponseHead& head = *response_;
  const std::string_view type = head.content_type;
  const bool events = base::iequals(type.substr(0, type.find(';')), "text/event-stream");
  awaits_event_ = events && head.framing != http::Framing::none;
  const MonoTime now = context_.now();
  reply_outcome_ = classify::head(head);
  // What a server says when it has waited for the request's body for long enough.
  const bool error = classify::is_error(reply_outcome_, head.status, *model_);
  if (error && upload_ != Upload::done) reply_outcome_ = ended_by_version(reply_outcome_, now);
  record_.response_started(now, head.status, awaits_event_);
  status_sent_ = head.status;
  if (head.location) origin_.replace_in(head, *model_, context_.text);
  progress_at_ = now;
  const Sent sent = client_.respond({.head = head,
                                     .request_id = request_id(),
                                     .model_version = version_header(),
                                     .observer = awaits_event_ ? &first_event_ : nullptr,
                                     .upload = upload_},
                                    *upstream_);
  reply_body_ = sent.body;
  down_ = sent.rest;
  if (!down_) delivered(now);
  return !down_;
}

reactor::Task<> Call::deliver() {
  using Progress = Transfer::Progress;
  for (;;) {
    const std::uint64_t before = down_->bytes_moved();
    const Progress progress = down_->step();
    const MonoTime now = context_.now();
    const bool moved = down_->bytes_moved() != before;
    if (moved) {
      progress_at_ = now;
      if (progress == Progress::want_output) record_.client_moved(now);
    }
    if (awaits_event_ && first_event_.began()) {
      awaits_event_ = false;
      record_.first_content(now);
    }
    if (progress == Progress::done) co_return delivered(now);
    if (progress == Progress::sink_failed) co_return broke_off(Outcome::client_abort, now);
    if (progress == Progress::bad_framing) co_return broke_off(Outcome::truncated, now);
    const bool goes_on = progress == Progress::want_output || progress == Progress::want_input ||
                         progress == Progress::gave_way;
    if (!goes_on) co_return broke_off(ended_by_version(Outcome::truncated, now), now);
    // An early response does not end the upload at once: the upstream may still want to read.
    if (uploading() && upload_step()) upload_ = Upload::refused;
    look_who_holds_up(progress, moved, now);
    if (client_.gone()) co_return broke_off(Outcome::client_abort, now);
    const MonoTime total = total_deadline();
    const MonoTime stalled = stalled_at();
    const MonoTime deadline = std::min(stalled, total);
    const bool turn_is_over = progress == Progress::gave_way || upload_step_ == Progress::gave_way;
    auto pause = turn_is_over ? client_.give_way(deadline) : client_.wake(deadline);
    const Woken woken = co_await pause;
    if (woken == Woken::shutdown) co_return broke_off(Outcome::gateway_error, now);
    if (woken == Woken::event) {
      if (progress == Progress::want_input) record_.version_waited_for(now, context_.now());
      continue;
    }
    const bool client_slow = holdup_ != Holdup::version;
    if (client_slow && client_keeps_up(context_.now())) continue;
    const Outcome silence = classify::silence(client_slow, awaits_event_);
    co_return broke_off(total <= stalled ? total_outcome(deadline) : silence, deadline);
  }
}

// Where both are silent, the upstream may wait for more of the body.
void Call::look_who_holds_up(Transfer::Progress progress, bool moved, MonoTime now) {
  const bool body_missing = upload_ == Upload::refused || (uploading() && waits_for_client());
  Holdup holdup = Holdup::version;
  if (progress == Transfer::Progress::want_output)
    holdup = Holdup::client;
  else if (progress == Transfer::Progress::want_input && body_missing)
    holdup = Holdup::both;
  const bool slow = holdup != Holdup::version, was_slow = holdup_ != Holdup::version;
  if (slow != was_slow) progress_at_ = now;
  if (slow && (!was_slow || (holdup == Holdup::both && moved))) pace_.begin(now, client_bytes());
  holdup_ = holdup;
  record_.client_blocks(slow, now);
}

void Call::give_upstream_back() {
  const auto& upstream = model_->settings.upstream;
  upstream_.release()->give_back({upstream.keepalive_idle, upstream.max_idle_per_worker});
}

void Call::delivered(MonoTime now) {
  record_.finish(reply_outcome_, now, received(), sent());
  log_access();
  races().answered();
  give_upstream_back();
  client_.finish(upload_);
}

Outcome Call::ended_by_version(Outcome outcome, MonoTime now) const {
  const bool clients = upload_ == Upload::refused || record_.client_caused_end(now);
  return classify::ended_by_version(outcome, clients,
                                    context_.kept_waiting(record_.dispatched_at()));
}

// The response cannot be completed: the client must not take it for whole.
void Call::broke_off(Outcome outcome, MonoTime now) {
  record_.finish(classify::broke_off(outcome, reply_outcome_), now, received(), sent());
  log_access();
  client_.abort();
}

// From a 101 on the call is a tunnel.
reactor::Task<> Call::tunnel() {
  const MonoTime now = context_.now();
  record_.response_started(now, response_->status, true);
  record_.first_content(now);
  races().answered();
  status_sent_ = response_->status;
  const bool websocket = base::iequals(protocol_, "websocket");
  const Sent down = client_.respond({.head = *response_,
                                     .request_id = request_id(),
                                     .model_version = version_header(),
                                     .upgrade = protocol_},
                                    *upstream_);
  Tunnel tunnel(context_, client_, record_, upstream_->tunnel(client_.body()), *down.rest,
                {.idle = model_->settings.timeouts.idle, .total = total_deadline()});
  if (websocket) tunnel.watch_close();
  const Tunnel::End end = co_await tunnel.run();
  if (end.by_limit) record_.excuse();
  record_.finish(end.outcome, context_.now(), tunnel.received(), tunnel.sent());
  log_access();
  if (end.orderly) co_return;
  upstream_->abort();
  client_.abort();
}

void Call::answer() {
  record_.finish(refused_.outcome, context_.now(), received(), 0);
  upstream_.reset();
  status_sent_ = own_body_ ? 200 : refused_.status;
  log_access();
  const bool silent = !own_body_ && refused_.status == 0;
  if (silent) return;
  if (!own_body_ && !record_.version()) context_.refused.add(refused_.outcome, refused_.status);
  client_.answer({.status = status_sent_,
                  .body = own_body_,
                  .code = refused_.code,
                  .message = refused_.message,
                  .request_id = request_id(),
                  .model_version = version_ ? version_header() : std::string_view{},
                  .shed = shed_},
                 upload_);
}

std::uint64_t Call::received() const { return request_body_ + (up_ ? up_->body_bytes() : 0); }

std::uint64_t Call::sent() const { return reply_body_ + (down_ ? down_->body_bytes() : 0); }

std::string_view Call::version_header() const {
  return model_->settings.version_header ? std::string_view(version_->name) : std::string_view{};
}

void Call::log_access() {
  if (logged_request_.empty()) return;
  write_access_line(context_.line,
                    {.request = logged_request_,
                     .request_id = request_id(),
                     .peer = client_.peer().text,
                     .status = status_sent_},
                    record_, context_.wall(), context_.now());
  context_.access.add(context_.line);
}

}  // namespace canary::call

// The way back to the client: the upstream's response, or an answer of our own.
#include <algorithm>

#include "base/text.hpp"
#include "http/build_head.hpp"
#include "proxy/access_line.hpp"
#include "proxy/exchange.hpp"
#include "proxy/worker.hpp"

namespace canary::proxy {
namespace {

using stats::Outcome;

Outcome outcome_of(std::uint16_t status, bool retry_after) {
  if (status == 429 || (status == 503 && retry_after)) return Outcome::overload;
  if (status >= 500) return Outcome::server_error;
  return status >= 400 ? Outcome::client_error : Outcome::ok;
}

}  // namespace

// The response head was parsed just now; its views are in reply(), which is consumed behind it.
void Exchange::start_delivery() {
  const http::ResponseHead& head = worker_.response;
  const std::string_view type = head.content_type;
  const bool events = base::iequals(type.substr(0, type.find(';')), "text/event-stream");
  awaits_event_ = events && head.framing != http::Framing::none;
  const MonoTime now = worker_.reactor().now();
  reply_outcome_ = outcome_of(head.status, head.retry_after);
  // What a server says when it has waited for the request's body for long enough.
  const bool error = stats::is_version_error(reply_outcome_) || model_->error_code(head.status);
  if (error && !upload_done_) reply_outcome_ = ended_by_version(reply_outcome_, now);
  record_.response_started(now, head.status, awaits_event_);
  status_sent_ = head.status;
  upstream_keeps_ = head.keep_alive && upload_done_ && request_arrived_;
  const bool until_close = head.framing == http::Framing::until_close;
  const bool chunked = !http_1_0_ && (until_close || head.framing == http::Framing::chunked);
  ends_by_close_ = http_1_0_ && (until_close || head.framing == http::Framing::chunked);
  // What is still being uploaded would be read as the next request.
  keep_alive_ = keep_alive_ && upload_done_ && !worker_.draining() && !ends_by_close_;

  if (head.location) origin_.replace_in(worker_.response, *model_, worker_.text);
  base::TextBuffer& out = worker_.scratch;
  begin_answer();
  http::build_response_head(out, head,
                            {.request_id = request_id(),
                             .model_version = version_header(),
                             .date = worker_.date(),
                             .to_http_1_0 = http_1_0_,
                             .close = !keep_alive_,
                             .chunked = chunked});
  const http::BodyReader body(head.framing, head.content_length);
  session_.reply().consume(reply_size_);
  if (retained_ > 0) session_.in().consume(std::exchange(retained_, 0));
  progress_at_ = now;
  if (!awaits_event_ && whole_in_hand(body, session_.reply().size())) {
    reply_body_ = static_cast<std::size_t>(body.remaining());
    out.append(session_.reply().view().substr(0, reply_body_));
    if (reply_body_ > 0) session_.reply().consume(reply_body_);
    send_whole(out.view(), download_, upstream_->socket, session_.reply(), session_.client());
    return;
  }
  download_.emplace(upstream_->socket, session_.reply(), body, session_.client(), chunked,
                    Relay::no_limit);
  if (awaits_event_) download_->watch(first_event_);
  download_->head(out);
}

reactor::Task<bool> Exchange::deliver() {
  start_delivery();
  if (!download_) co_return delivered(worker_.reactor().now());
  for (;;) {
    const std::uint64_t before = download_->bytes_moved();
    const Relay::Progress progress = download_->step();
    const MonoTime now = worker_.reactor().now();
    const bool slow_client = progress == Relay::Progress::want_output;
    const bool moved = download_->bytes_moved() != before;
    if (moved) {
      progress_at_ = now;
      if (slow_client) record_.client_moved(now);
    }
    if (awaits_event_ && first_event_.began()) {
      awaits_event_ = false;
      record_.first_content(now);
    }
    if (progress == Relay::Progress::done) co_return delivered(now);
    if (progress == Relay::Progress::sink_failed) co_return broke_off(Outcome::client_abort, now);
    const bool goes_on = slow_client || progress == Relay::Progress::want_input ||
                         progress == Relay::Progress::gave_way;
    if (progress == Relay::Progress::bad_framing) co_return broke_off(Outcome::truncated, now);
    if (!goes_on) co_return broke_off(ended_by_version(Outcome::truncated, now), now);
    // An early response does not end the upload at once: the upstream may still want to read.
    if (uploading() && upload_step()) upload_broken_ = upload_refused_ = true;
    // Where both are silent, the upstream may wait for more of the body.
    starved_ = progress == Relay::Progress::want_input &&
               (upload_refused_ || (uploading() && waits_for_client_));
    const bool client_slow = slow_client || starved_;
    if (client_slow != client_slow_) progress_at_ = now;
    if (client_slow && (!client_slow_ || (starved_ && moved))) pace_.begin(now, client_bytes());
    client_slow_ = client_slow;
    record_.client_blocks(client_slow, now);
    if (session_.client_gone()) co_return broke_off(Outcome::client_abort, now);
    const MonoTime total = total_deadline();
    const MonoTime stalled = stalled_at();
    const MonoTime deadline = std::min(stalled, total);
    const bool turn_is_over = progress == Relay::Progress::gave_way || upload_gave_way_;
    auto pause = turn_is_over ? session_.give_way(deadline) : session_.wake(deadline);
    const Woken woken = co_await pause;
    if (woken == Woken::shutdown) co_return broke_off(Outcome::gateway_error, now);
    if (woken == Woken::event) {
      if (progress == Relay::Progress::want_input)
        record_.version_waited_for(now, worker_.reactor().now());
      continue;
    }
    if (client_slow && client_keeps_up(worker_.reactor().now())) continue;
    const Outcome silent = awaits_event_ ? Outcome::timeout_first_byte : Outcome::timeout_idle;
    const Outcome guilty = client_slow ? Outcome::client_abort : silent;
    co_return broke_off(total <= stalled ? total_outcome(deadline) : guilty, deadline);
  }
}

// Until an event stream's first event, silence may last as long as the first byte of an answer may:
// servers send the head at once and then read a long prompt.
MonoTime Exchange::stalled_at() const {
  const auto& timeouts = model_->settings.timeouts;
  const MonoTime idle = progress_at_ + timeouts.idle;
  if (client_slow_) {
    const ClientPace::Rule rule = pace_rule();
    return std::min(progress_at_ + rule.patience, pace_.due(rule));
  }
  return awaits_event_ ? std::max(idle, sent_at_ + timeouts.first_byte) : idle;
}

void Exchange::keep_upstream() {
  const auto& upstream = model_->settings.upstream;
  worker_.upstreams().put(std::move(upstream_), upstream.keepalive_idle,
                          upstream.max_idle_per_worker);
}

bool Exchange::delivered(MonoTime now) {
  record_.finish(reply_outcome_, now, received(), sent());
  log_access();
  races().answered();
  // Bytes behind the end of the response belong to nobody: such a connection is not used again.
  const bool clean = session_.reply().empty() && !upstream_->socket.hung_up();
  session_.reply().clear();
  if (upstream_keeps_ && clean) keep_upstream();
  if (last_ && upload_done_ && session_.in().empty() && !session_.client().has_input())
    session_.part();
  return keep_alive_;
}

// The version ended the exchange. Whoever kept it waiting is who ended it: its client, or the
// gateway itself, in a pause of its process.
Outcome Exchange::ended_by_version(Outcome outcome, MonoTime now) const {
  if (upload_refused_ || record_.client_caused_end(now)) return Outcome::client_abort;
  return worker_.kept_waiting(record_.dispatched_at()) ? Outcome::gateway_error : outcome;
}

// The response cannot be completed: the client must not take it for whole. One that leaves in the
// middle of a failure does not undo it.
bool Exchange::broke_off(Outcome outcome, MonoTime now) {
  if (outcome == Outcome::client_abort && reply_outcome_ != Outcome::ok) outcome = reply_outcome_;
  record_.finish(outcome, now, received(), sent());
  log_access();
  session_.reply().clear();
  if (ends_by_close_)
    worker_.reactor().reset(session_.client());  // an orderly close would look like the end
  else
    worker_.reactor().close(session_.client());
  return false;
}

reactor::Task<bool> Exchange::answer() {
  upstream_.reset();
  session_.reply().clear();
  const MonoTime now = worker_.reactor().now();
  record_.finish(refused_.outcome, now, received(), 0);
  status_sent_ = own_body_ ? 200 : refused_.status;
  if (!parsed_) {  // the head was not understood
    take_request_id({});
    is_head_ = session_.in().view().starts_with("HEAD ");
  }
  log_access();
  const bool silent = !own_body_ && refused_.status == 0;
  if (silent) co_return false;
  if (!own_body_ && !record_.version())
    worker_.counters().refused.add(refused_.outcome, refused_.status);
  // Behind an unread body, or a head that was not understood, no next request can be found.
  const bool body_pending = forwarded_ ? !upload_done_ : has_body_;
  keep_alive_ = keep_alive_ && parsed_ && (!body_pending || unread_) && !worker_.draining();
  build_answer();
  if (keep_alive_) session_.in().consume(forwarded_ ? std::exchange(retained_, 0) : head_size_);
  Outlet outlet;
  outlet.head(worker_.scratch);
  const MonoTime deadline = now + table_->timeouts.body_idle;
  for (;;) {
    const reactor::Io io = outlet.flush(session_.client(), session_.reply());
    if (io.status == reactor::IoStatus::ok) break;
    if (io.status == reactor::IoStatus::failed) co_return false;
    const Woken woken = co_await session_.wake(deadline);
    if (woken != Woken::event) co_return false;
  }
  if (!keep_alive_ || !unread_) co_return keep_alive_;
  const bool more = co_await skip_body();
  co_return more;
}

// What was begun must be ended; a `100 Continue` that was not is void by now.
void Exchange::begin_answer() {
  worker_.scratch.clear();
  if (interim_left_ != go_on) worker_.scratch.append(interim_left_);
  interim_left_ = {};
}

std::uint64_t Exchange::received() const {
  return request_body_ + (upload_ ? upload_->reader().body_bytes() : 0);
}

std::uint64_t Exchange::sent() const {
  return reply_body_ + (download_ ? download_->reader().body_bytes() : 0);
}

void Exchange::build_answer() {
  std::string body;
  if (!own_body_) http::append_error_body(body, refused_.code, refused_.message, request_id());
  http::OwnResponse response;
  response.status = status_sent_;
  response.body = own_body_ ? *own_body_ : body;
  response.request_id = request_id();
  if (version_) response.model_version = version_header();
  response.date = worker_.date();
  if (response.status == 503) response.extra = "Retry-After: 1\r\n";
  response.close = !keep_alive_;
  response.to_http_1_0 = http_1_0_;
  response.to_head = is_head_;
  begin_answer();
  http::build_own_response(worker_.scratch, response);
}

std::string_view Exchange::version_header() const {
  return model_->settings.version_header ? std::string_view(version_->name) : std::string_view{};
}

void Exchange::log_access() {
  if (logged_request_.empty()) return;
  write_access_line(worker_.line,
                    {.request = logged_request_,
                     .request_id = request_id(),
                     .peer = session_.peer(),
                     .status = status_sent_},
                    record_, worker_.wall(), worker_.reactor().now());
  worker_.log_line(worker_.line);
}

}  // namespace canary::proxy

#include "proxy/exchange.hpp"

#include <algorithm>
#include <cerrno>

#include "base/reserved_path.hpp"
#include "http/build_head.hpp"
#include "proxy/endpoint_choice.hpp"
#include "proxy/worker.hpp"
#include "reactor/tcp.hpp"
#include "traffic/bucket.hpp"
#include "traffic/kserve.hpp"
#include "traffic/match.hpp"

namespace canary::proxy {
namespace {

using stats::Outcome;

constexpr std::size_t least_room = 4 << 10;
// So long a version without any address is not charged with it, while stable answers for it.
constexpr Duration nameless_grace = std::chrono::seconds(10);

// These do not ask the model: answers that cost nothing would make a broken version look better.
bool asks_the_model(const http::RequestHead& head) {
  return !head.is_head && head.method != "OPTIONS" && head.method != "TRACE";
}

}  // namespace

Exchange::Exchange(Session& session)
    : session_(session),
      worker_(session.worker()),
      table_(worker_.table()),
      record_(worker_.index(), worker_.reactor().now(), worker_.reactor().paused()) {
  session_.watch(&record_, &upstream_);
}

Exchange::~Exchange() { session_.watch(nullptr, nullptr); }

reactor::Task<bool> Exchange::serve(Session& session) {
  Exchange self(session);
  if (!self.find_head()) {
    const bool found = co_await self.read_head();
    if (!found) co_return false;
  }
  self.record_.client_blocks(false, self.worker_.reactor().now());
  bool forward = self.refused_.status == 0 && self.admit();
  while (forward) {
    forward = self.choose();
    if (forward && !self.take_idle()) forward = co_await self.reach();
    if (!forward) break;
    self.send_request();
    const Reply reply = co_await self.await_reply();
    if (reply == Reply::head) {
      const bool more = co_await self.deliver();
      co_return more;
    }
    if (reply == Reply::switched) {
      const bool more = co_await self.tunnel();
      co_return more;
    }
    forward = reply == Reply::retry;
  }
  const bool more = co_await self.answer();
  co_return more;
}

// Looks for a whole head at the front of in(). True: it is there, or refused_ says why not.
bool Exchange::find_head() {
  reactor::Buffer& in = session_.in();
  const http::HeadLimits limits{table_->limits.header_bytes, table_->limits.header_count};
  if (const std::size_t empty = http::leading_empty_lines(in.view()); empty > 0) {
    in.consume(empty);
    scanned_ = 0;
    skipped_ += empty;
  }
  if (skipped_ > limits.bytes) {  // or a fast sender of empty lines would never give way
    refused_ = {400, "bad_request", "there are only empty lines"};
    return true;
  }
  head_size_ = http::find_head_end(in.view(), scanned_);
  if (head_size_ > 0) return true;
  const auto refusal = http::refuse_incomplete(in.view(), limits);
  if (refusal) refused_ = {refusal.status, refusal.code, refusal.message};
  return static_cast<bool>(refusal);
}

// Reads on until the head is found; false when there is nobody to answer.
reactor::Task<bool> Exchange::read_head() {
  reactor::Buffer& in = session_.in();
  const MonoTime deadline = worker_.reactor().now() + table_->timeouts.header;
  for (;;) {
    const reactor::Io io = session_.client().receive(in.prepare(least_room));
    if (io.status == reactor::IoStatus::ok) {
      in.commit(io.bytes);
      if (find_head()) co_return true;
      continue;
    }
    if (io.status != reactor::IoStatus::again) co_return false;
    const Woken woken = co_await session_.wake(deadline);
    if (woken == Woken::shutdown) co_return false;
    if (woken == Woken::expired) {
      refused_ = {408, "header_timeout", "the request head did not arrive within timeouts.header"};
      co_return !in.empty();
    }
  }
}

bool Exchange::parse() {
  if (head_fresh_) return true;
  const http::HeadLimits limits{table_->limits.header_bytes, table_->limits.header_count};
  const auto refusal = worker_.request.parse(session_.in().view().substr(0, head_size_), limits);
  head_fresh_ = !refusal;
  if (head_fresh_) return true;
  refused_ = {refusal.status, refusal.code, refusal.message};
  return false;
}

bool Exchange::admit() {
  if (!parse()) return false;
  const http::RequestHead& head = worker_.request;
  http_1_0_ = head.http_1_0;
  is_head_ = head.is_head;
  expect_continue_ = head.expect_continue;
  keep_alive_ = head.keep_alive;
  last_ = !head.keep_alive;
  has_body_ = !http::BodyReader(head.framing, head.content_length).done();
  asks_to_switch_ = !head.upgrade.empty();
  parsed_ = true;
  take_request_id(head.request_id);
  if (worker_.samples_access()) {
    logged_request_ = head_view().client_address();
    (((logged_request_ += ' ') += head.method) += ' ') += head.target;
  }
  if (internal()) return false;
  if (head.framing == http::Framing::length && head.content_length > table_->limits.request_body)
    refused_ = {413, "request_too_large", "the request body is larger than limits.request_body"};
  else if (head.max_forwards == 0 && head.method == "OPTIONS")
    refused_ = {204, {}, {}};  // RFC 9110, 7.6.2: answered here, as by the final recipient
  else if (head.max_forwards == 0)
    refused_ = {501, "not_implemented", "the gateway itself answers no TRACE"};
  return refused_.status == 0;
}

// The client's own when it is sane, else a new one. Every answer carries it, refusals included.
void Exchange::take_request_id(std::string_view offered) {
  if (http::sane_request_id(offered)) {
    request_id_size_ =
        static_cast<std::uint8_t>(offered.copy(request_id_.data(), request_id_.size()));
  } else {
    base::write_uuid_v7(request_id_.data(), worker_.wall(), worker_.random());
    request_id_size_ = base::uuid_length;
  }
}

// The data listener's own namespace: one answer, and no way through to an upstream.
bool Exchange::internal() {
  const http::RequestHead& head = worker_.request;
  if (!base::is_reserved_path(head.path)) return false;
  constexpr std::string_view model_version = "/internal/model-version";
  std::string_view model;
  bool known = head.method == "GET" && traffic::covers(model_version, head.path);
  if (known && head.path.size() > model_version.size())
    model = head.path.substr(model_version.size() + 1);
  else if (known)
    model = traffic::query_parameter(head.query, "model", worker_.text);
  answers_ = worker_.answers();
  if (known && !answers_) {
    refused_ = {503, "not_ready", "no routing table is in force yet"};
    return true;
  }
  own_body_ = known ? answers_->find(model) : nullptr;
  if (!own_body_) refused_ = {404, "not_found", "no such path on this listener"};
  return true;
}

// Pins the table of this moment and picks by it. What was drawn for this request stays.
bool Exchange::choose() {
  const TablePin previous = std::exchange(table_, worker_.table());
  record_.unpicked();  // while the table of that pick is still there
  model_ = nullptr;
  version_ = nullptr;
  if (!parse()) return false;
  const http::RequestHead& head = worker_.request;
  const HeadView view = head_view();
  const traffic::Matched matched = traffic::match(*table_, view);
  model_ = matched.model;
  if (!model_) {
    worker_.text = "no model matches this request; configured:";
    for (const auto& model : table_->models) (worker_.text += ' ') += model.name;
    refused_ = {404, "no_such_model", worker_.text};
    return false;
  }
  version_named_ = !matched.version.empty();
  if (version_named_) return choose_named(matched.version);
  if (!drawn_) draw_ = traffic::draw(*model_, view, worker_.random(), worker_.text);
  drawn_ = true;
  const traffic::Pick pick = traffic::pick(*model_, draw_);
  version_ = failover_ ? &model_->stable : pick.version;
  record_.picked(*model_, *version_, !pick.overridden && asks_the_model(head));
  return has_room();
}

// The client asked for this version: no other one will do, and the choice is no evidence.
bool Exchange::choose_named(std::string_view encoded) {
  const traffic::Version* const named = traffic::named_version(*model_, encoded);
  if (named && traffic::may_serve(*model_, *named)) {
    version_ = named;
    record_.picked(*model_, *named, false);
    return has_room();
  }
  if (named) {
    (worker_.text = named->name) += " is at 0%";
    refused_ = {404, "version_not_served", worker_.text};
    return false;
  }
  (worker_.text = model_->name) += " has no such version; configured: ";
  worker_.text += model_->stable.name;
  if (model_->canary) (worker_.text += ' ') += model_->canary->name;
  refused_ = {404, "no_such_version", worker_.text};
  return false;
}

bool Exchange::trusts_peer() const {
  return traffic::is_trusted(table_->trusted_proxies, session_.peer_bytes());
}

// Of the head that was parsed just now.
HeadView Exchange::head_view() const {
  return {worker_.request, session_.peer(), session_.peer_bytes(), table_->trusted_proxies};
}

// The usual way to a connection: one endpoint, and an idle connection to it.
bool Exchange::take_idle() {
  if (retried_) return false;
  endpoint_ = EndpointChoice::only(*version_, worker_.upstreams());
  if (endpoint_) upstream_ = worker_.upstreams().take(endpoint_->id);
  if (upstream_) upstream_->socket.owner = &session_.as_owner();
  return static_cast<bool>(upstream_);
}

// Any other way, from a version that was picked.
reactor::Task<bool> Exchange::reach() {
  for (;;) {
    const Reached reached = co_await reach_version();
    switch (reached) {
      case Reached::connected:
        co_return true;
      case Reached::table_changed:
        break;
      case Reached::client_gone:
        refused_ = {0, {}, {}, Outcome::client_abort};
        co_return false;
      case Reached::failed:
        if (!fail_over()) co_return false;
        break;
    }
    if (!choose()) co_return false;
  }
}

// Tries the picked version's endpoints one after another. After any wait the head is parsed again:
// the scratch was others' in between, and nothing more is tried by a table that is not in force.
reactor::Task<Exchange::Reached> Exchange::reach_version() {
  UpstreamPool& pool = worker_.upstreams();
  // When stable is out as well, both are tried alike: what ends first is nobody's merit.
  const bool stand_in =
      has_stand_in() && EndpointChoice::stands_in(model_->stable, *version_, pool);
  EndpointChoice choice(*version_, {model_->settings.health.eject_after_failures, stand_in},
                        {pool, worker_.random(), worker_.index()});
  connect_error_ = EHOSTUNREACH;
  endpoint_ = choice.next(worker_.reactor().shared_now());
  while (endpoint_) {
    if (!retried_ && choice.in_use()) upstream_ = pool.take(endpoint_->id);
    if (upstream_) {
      upstream_->socket.owner = &session_.as_owner();
      co_return parse() ? Reached::connected : Reached::failed;
    }
    connect_error_ = co_await connect(*endpoint_);
    choice.ended(connect_error_, worker_.reactor().shared_now());
    // What had taken it out may have taken out all of the model's. Or the canary would be charged
    // with the rest of its back-off, while stable, which nobody stands in for, is back at once.
    if (choice.brought_back()) pool.hasten(*model_, worker_.reactor().shared_now());
    const bool gone = connect_error_ == ETIMEDOUT && session_.client_gone();
    if (gone || connect_error_ == ECANCELED) co_return Reached::client_gone;
    const bool in_force = table_ == worker_.table();
    if (connect_error_ == 0 && in_force) co_return parse() ? Reached::connected : Reached::failed;
    if (connect_error_ == 0) {
      keep_upstream();
      co_return Reached::table_changed;
    }
    const bool withdrawn = pool.find(endpoint_->id) == nullptr;
    endpoint_ = choice.next(worker_.reactor().shared_now());
    if (in_force || (!endpoint_ && !withdrawn)) continue;
    if (endpoint_) choice.ended(ECANCELED, worker_.reactor().shared_now());
    co_return Reached::table_changed;
  }
  all_out_ = choice.all_out();
  out_of_resources_ = choice.out_of_resources();
  co_return Reached::failed;
}

// Whether stable answers when the picked version cannot be reached.
bool Exchange::has_stand_in() const {
  return version_->role == traffic::Role::canary && model_->settings.failover && !failover_ &&
         !version_named_;
}

// The picked version cannot be reached: its one charge. True: stable is to answer instead.
bool Exchange::fail_over() {
  if (out_of_resources_) {
    refused_ = {503, "out_of_resources", "the gateway is out of descriptors, ports or memory"};
    return false;
  }
  const MonoTime now = worker_.reactor().now();
  if (now >= total_deadline()) {
    refused_ = {504, "upstream_total_timeout",
                "the model server did not finish within timeouts.total", total_outcome(now)};
    return false;
  }
  const bool timed_out = connect_error_ == ETIMEDOUT;
  const Outcome outcome = timed_out                  ? Outcome::timeout_connect
                          : connect_error_ == EPROTO ? Outcome::bad_output
                                                     : Outcome::connect_error;
  if (has_stand_in()) {
    // Resolvers start late and lose packets: that is not the version's yet.
    const bool nameless =
        version_->endpoints.empty() &&
        (worker_.reactor().shared_now() - version_->stats->requests->nameless_since() <
             nameless_grace ||
         worker_.reactor().paused_within(nameless_grace));
    record_.finish(nameless ? Outcome::gateway_error : outcome, now, 0, 0);
    version_->stats->requests->at(worker_.index()).failovers.add();
    failover_ = true;
    charged_table_ = table_.again();
    return true;
  }
  if (all_out_) {
    refused_ = {503, "no_healthy_endpoint", "no endpoint of this version can be reached", outcome};
    return false;
  }
  refused_ = {502, "upstream_connect_failed", "the model server refused the connection", outcome};
  if (connect_error_ == EPROTO)
    refused_ = {502, "upstream_bad_response", "the model server sent bytes before it was asked",
                outcome};
  else if (timed_out)
    refused_ = {504, "upstream_connect_timeout",
                "the model server did not accept the connection within timeouts.connect", outcome};
  return false;
}

}  // namespace canary::proxy

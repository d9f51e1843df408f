#include "call/call.hpp"

#include "base/reserved_path.hpp"
#include "call/classify.hpp"
#include "traffic/bucket.hpp"
#include "traffic/kserve.hpp"
#include "traffic/match.hpp"

namespace canary::call {

Call::Call(Context& context, ClientStream& client)
    : context_(context),
      client_(client),
      table_(context.table()),
      record_(context.worker, client.began(), context.time().paused()) {
  client_.watch(&record_, &upstream_);
}

Call::~Call() { client_.watch(nullptr, nullptr); }

reactor::Task<> Call::serve(Context& context, ClientStream& client) {
  Call self(context, client);
  self.record_.client_blocks(false, context.now());
  bool forward = self.admit();
  while (forward) {
    forward = self.choose();
    if (forward && !self.take_idle()) forward = co_await self.reach();
    if (!forward) break;
    self.send_request();
    const Reply reply = co_await self.await_reply();
    if (reply == Reply::head) {
      const bool whole = self.start_delivery();
      if (!whole) co_await self.deliver();
      co_return;
    }
    if (reply == Reply::switched) {
      co_await self.tunnel();
      co_return;
    }
    forward = reply == Reply::retry;
  }
  self.answer();
}

bool Call::admit() {
  if (const http::Refusal& refusal = client_.refusal()) {
    refused_ = {refusal.status, refusal.code, refusal.message};
    take_request_id({});
    return false;
  }
  const http::RequestHead& head = client_.head();
  take_request_id(head.request_id);
  if (context_.access.sample(context_.in_force().access_log_sample, context_.random)) {
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
void Call::take_request_id(std::string_view offered) {
  if (http::sane_request_id(offered)) {
    request_id_size_ =
        static_cast<std::uint8_t>(offered.copy(request_id_.data(), request_id_.size()));
  } else {
    base::write_uuid_v7(request_id_.data(), context_.wall(), context_.random);
    request_id_size_ = base::uuid_length;
  }
}

// The data listener's own namespace: one answer, and no way through to an upstream.
bool Call::internal() {
  const http::RequestHead& head = client_.head();
  if (!base::is_reserved_path(head.path)) return false;
  constexpr std::string_view model_version = "/internal/model-version";
  std::string_view model;
  bool known = head.method == "GET" && traffic::covers(model_version, head.path);
  if (known && head.path.size() > model_version.size())
    model = head.path.substr(model_version.size() + 1);
  else if (known)
    model = traffic::query_parameter(head.query, "model", context_.text);
  answers_ = context_.answers;
  if (known && !answers_) {
    refused_ = {503, "not_ready", "no routing table is in force yet"};
    return true;
  }
  own_body_ = known ? answers_->find(model) : nullptr;
  if (!own_body_) refused_ = {404, "not_found", "no such path on this listener"};
  return true;
}

// Pins the table of this moment and picks by it. What was drawn for this request stays.
bool Call::choose() {
  const TablePin previous = std::exchange(table_, context_.table());
  record_.unpicked();  // while the table of that pick is still there
  version_ = nullptr;
  const http::RequestHead& head = client_.head();
  const HeadView view = head_view();
  const traffic::Matched matched = traffic::match(*table_, view);
  model_ = matched.model;
  if (!model_) {
    context_.text = "no model matches this request; configured:";
    for (const auto& model : table_->models) (context_.text += ' ') += model.name;
    refused_ = {404, "no_such_model", context_.text};
    return false;
  }
  version_named_ = !matched.version.empty();
  if (version_named_) return choose_named(matched.version);
  if (!draw_) draw_ = traffic::draw(*model_, view, context_.random, context_.text);
  const traffic::Pick pick = traffic::pick(*model_, *draw_);
  version_ = failed_over_ ? &model_->stable : pick.version;
  record_.picked(*model_, *version_, classify::request(head, pick.overridden));
  return has_room();
}

// The client asked for this version: no other one will do, and the choice is no evidence.
bool Call::choose_named(std::string_view encoded) {
  const traffic::Version* const named = traffic::named_version(*model_, encoded);
  if (named && traffic::may_serve(*model_, *named)) {
    version_ = named;
    record_.picked(*model_, *named, false);
    return has_room();
  }
  if (named) {
    (context_.text = named->name) += " is at 0%";
    refused_ = {404, "version_not_served", context_.text};
    return false;
  }
  (context_.text = model_->name) += " has no such version; configured: ";
  context_.text += model_->stable.name;
  if (model_->canary) (context_.text += ' ') += model_->canary->name;
  refused_ = {404, "no_such_version", context_.text};
  return false;
}

// A request too many for its version is refused at once: nothing is connected, and no body waited
// for.
bool Call::shed() {
  version_->stats->requests->at(context_.worker).shed.add();
  (context_.text = version_->name) +=
      " has as many requests in flight as upstream.max_in_flight allows";
  refused_ = {503, "overloaded", context_.text};
  shed_ = true;
  return false;
}

bool Call::trusts_peer() const {
  return traffic::is_trusted(table_->trusted_proxies, client_.peer().bytes);
}

HeadView Call::head_view() {
  const Peer& peer = client_.peer();
  return {client_.head(), peer.text, peer.bytes, table_->trusted_proxies};
}

}  // namespace canary::call

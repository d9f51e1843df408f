// From a version that was picked to a stream to one of its endpoints, or to stable for it.
#include <algorithm>
#include <cerrno>

#include "call/call.hpp"
#include "call/classify.hpp"
#include "upstream/endpoint_choice.hpp"

namespace canary::call {
namespace {

using stats::Outcome;
using upstream::EndpointBook;
using upstream::EndpointChoice;

// So long a version without any address is not charged with it, while stable answers for it.
constexpr Duration resolving = std::chrono::seconds(10);

}  // namespace

// The usual way to a stream: one endpoint, and an idle one to it.
bool Call::take_idle() {
  if (retried_) return false;
  endpoint_ = EndpointChoice::only(*version_, context_.endpoints);
  if (endpoint_) upstream_ = client_.take(endpoint_->id);
  return static_cast<bool>(upstream_);
}

// Any other way, from a version that was picked.
reactor::Task<bool> Call::reach() {
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

// Tries the picked version's endpoints one after another. After any wait, nothing more is tried by
// a table that is not in force.
reactor::Task<Call::Reached> Call::reach_version() {
  EndpointBook& book = context_.endpoints;
  const auto shared_now = [this] { return context_.time().shared_now(); };
  // When stable is out as well, both are tried alike: what ends first is nobody's merit.
  const bool stand_in =
      has_stand_in() && EndpointChoice::stands_in(model_->stable, *version_, book);
  EndpointChoice choice(*version_, {model_->settings.health.eject_after_failures, stand_in},
                        {book, context_.random, context_.worker});
  unreached_.error = EHOSTUNREACH;
  endpoint_ = choice.next(shared_now());
  while (endpoint_) {
    if (!retried_ && choice.in_use()) upstream_ = client_.take(endpoint_->id);
    if (upstream_) co_return Reached::connected;
    const int error = co_await connect(*endpoint_);
    unreached_.error = error;
    choice.ended(error, shared_now());
    // What had taken it out may have taken out all of the model's. Or the canary would be charged
    // with the rest of its back-off, while stable, which nobody stands in for, is back at once.
    if (choice.brought_back()) book.hasten(*model_, shared_now());
    const bool gone = error == ETIMEDOUT && client_.gone();
    if (gone || error == ECANCELED) co_return Reached::client_gone;
    const bool in_force = table_ == context_.table();
    if (error == 0 && in_force) co_return Reached::connected;
    if (error == 0) {
      give_upstream_back();
      co_return Reached::table_changed;
    }
    const bool withdrawn = book.find(endpoint_->id) == nullptr;
    endpoint_ = choice.next(shared_now());
    if (in_force || (!endpoint_ && !withdrawn)) continue;
    if (endpoint_) choice.ended(ECANCELED, shared_now());
    co_return Reached::table_changed;
  }
  unreached_.all_out = choice.all_out();
  unreached_.out_of_resources = choice.out_of_resources();
  co_return Reached::failed;
}

// 0 with upstream_ connected, ETIMEDOUT at the deadline, ECANCELED when the client is gone, or why
// the connect failed. Who leaves when half of the time has passed in vain is told of as the
// deadline: impatient clients must not hide a server that cannot be reached.
reactor::Task<int> Call::connect(const traffic::Endpoint& endpoint) {
  using Phase = UpstreamStream::Connecting::Phase;
  int error = 0;
  upstream_ = client_.connect(endpoint, error);
  const MonoTime began = context_.now();
  const Duration patience = model_->settings.timeouts.connect;
  const MonoTime deadline = std::min(began + patience, total_deadline());
  while (error == 0) {
    UpstreamStream::Connecting state = upstream_->connecting(deadline);
    error = state.error;
    if (state.phase == Phase::over) break;
    record_.held_up(began);
    const Woken woken = co_await client_.wake(std::min(deadline, state.until));
    const bool listens = state.phase == Phase::listening;
    if (!listens) state = upstream_->connecting(deadline);
    const bool late = state.phase == Phase::under_way && context_.now() - began >= patience / 2;
    if (woken == Woken::shutdown)
      error = ECANCELED;
    else if (client_.gone())
      error = late ? ETIMEDOUT : ECANCELED;
    else if (woken == Woken::expired && !listens)
      error = ETIMEDOUT;
  }
  record_.goes_on();
  if (error != 0) upstream_.reset();
  co_return error;
}

// Whether stable answers when the picked version cannot be reached.
bool Call::has_stand_in() const {
  return version_->role == traffic::Role::canary && model_->settings.failover && !failed_over_ &&
         !version_named_;
}

// The picked version cannot be reached: its one charge. True: stable is to answer instead.
bool Call::fail_over() {
  if (unreached_.out_of_resources) {
    refused_ = {503, "out_of_resources", "the gateway is out of descriptors, ports or memory"};
    return false;
  }
  const MonoTime now = context_.now();
  if (now >= total_deadline()) {
    refused_ = {504, "upstream_total_timeout",
                "the model server did not finish within timeouts.total", total_outcome(now)};
    return false;
  }
  const auto unreachable = [this](bool unresolved) {
    return classify::unreachable(unreached_.error, unresolved);
  };
  if (has_stand_in()) {
    const auto& time = context_.time();
    const bool unresolved =
        version_->endpoints.empty() &&
        (time.shared_now() - version_->stats->requests->nameless_since() < resolving ||
         time.paused_within(resolving));
    record_.finish(unreachable(unresolved), now, 0, 0);
    version_->stats->requests->at(context_.worker).failovers.add();
    failed_over_ = true;
    charged_table_ = table_.again();
    return true;
  }
  const Outcome outcome = unreachable(false);
  if (unreached_.all_out) {
    refused_ = {503, "no_healthy_endpoint", "no endpoint of this version can be reached", outcome};
    return false;
  }
  refused_ = {502, "upstream_connect_failed", "the model server refused the connection", outcome};
  if (unreached_.error == EPROTO)
    refused_ = {502, "upstream_bad_response", "the model server sent bytes before it was asked",
                outcome};
  else if (unreached_.error == ETIMEDOUT)
    refused_ = {504, "upstream_connect_timeout",
                "the model server did not accept the connection within timeouts.connect", outcome};
  return false;
}

}  // namespace canary::call

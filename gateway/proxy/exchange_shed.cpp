// A request too many for its version is refused at once: nothing is connected, no body is waited
// for, and the connection stays for the client's next try.
#include "proxy/exchange.hpp"
#include "proxy/worker.hpp"

namespace canary::proxy {
namespace {

// A body up to here is read and dropped, so that the connection can go on behind it.
constexpr std::size_t most_skipped = 64 << 10;
constexpr std::size_t least_room = 4 << 10;

}  // namespace

bool Exchange::shed() {
  const http::RequestHead& head = worker_.request;
  version_->stats->requests->at(worker_.index()).shed.add();
  (worker_.text = version_->name) +=
      " has as many requests in flight as upstream.max_in_flight allows";
  refused_ = {503, "overloaded", worker_.text};
  const bool small = head.framing != http::Framing::length || head.content_length <= most_skipped;
  if (has_body_ && small && !expect_continue_) unread_.emplace(head.framing, head.content_length);
  return false;
}

// False: there is more of it than is worth reading, or it does not come.
reactor::Task<bool> Exchange::skip_body() {
  reactor::Buffer& in = session_.in();
  const MonoTime deadline = worker_.reactor().now() + table_->timeouts.body_idle;
  std::size_t size = 0;
  for (;;) {
    const http::BodyReader::Step step = unread_->feed(in.data(), in.size());
    in.consume(step.consumed);
    size += step.consumed;
    if (step.failed || size > most_skipped) co_return false;
    if (unread_->done()) co_return true;
    const reactor::Io io = session_.client().receive(in.prepare(least_room));
    if (io.status == reactor::IoStatus::ok) {
      in.commit(io.bytes);
      continue;
    }
    in.clear();
    if (io.status != reactor::IoStatus::again) co_return false;
    const Woken woken = co_await session_.wake(deadline);
    if (woken != Woken::event) co_return false;
  }
}

}  // namespace canary::proxy

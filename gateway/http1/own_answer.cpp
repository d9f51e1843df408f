// Answers of the gateway's own on HTTP/1: how they leave, and what of the request's body is dropped
// so that another request can follow.
#include "http/build_head.hpp"
#include "http1/client_stream.hpp"
#include "http1/context.hpp"
#include "http1/session.hpp"

namespace canary::http1 {
namespace {

using reactor::IoStatus;

// A body up to here is read and dropped, so that the connection can go on behind it.
constexpr std::size_t most_skipped = 64 << 10;
constexpr std::size_t least_room = 4 << 10;

}  // namespace

// Behind an unread body, or a head that was not understood, no next request can be found.
void ClientStream::answer(const call::OwnAnswer& own, call::Upload upload) {
  answered_ = true;
  if (!parsed_) is_head_ = in().view().starts_with("HEAD ");
  const bool sent = upload != call::Upload::none;
  const bool body_pending = sent ? upload != call::Upload::done : !reader_.done();
  const bool skips = body_pending && own.shed && may_skip_body();
  may_reuse(parsed_ && (!body_pending || skips) && !context_.draining);
  std::string body;
  if (!own.body) http::append_error_body(body, own.code, own.message, own.request_id);
  begin_answer();
  http::build_own_response(
      context_.scratch,
      {.status = own.status,
       .body = own.body ? *own.body : body,
       .request_id = own.request_id,
       .model_version = own.model_version,
       .date = context_.date(),
       .extra = own.status == 503 ? std::string_view("Retry-After: 1\r\n") : std::string_view{},
       .close = after_ == After::close,
       .to_http_1_0 = http_1_0_,
       .to_head = is_head_});
  if (after_ == After::reuse) in().consume(sent ? std::exchange(retained_, 0) : head_size_);
  if (after_ == After::reuse && skips) after_ = After::skip_body;
  outlet_.emplace().head(context_.scratch);
  flush_answer();
}

void ClientStream::flush_answer() {
  const IoStatus status = outlet_->flush(socket(), in()).status;
  if (status == IoStatus::failed) after_ = After::close;
  if (status != IoStatus::again) outlet_.reset();
}

bool ClientStream::may_skip_body() const {
  return reader_.remaining() <= most_skipped && !expect_continue_;
}

reactor::Task<> ClientStream::finish_answer() {
  const base::MonoTime deadline = context_.now() + context_.call.in_force().timeouts.body_idle;
  while (outlet_) {
    const call::Woken woken = co_await session_.wake(deadline);
    if (woken != call::Woken::event) {
      after_ = After::close;
      co_return;
    }
    flush_answer();
  }
  if (after_ != After::skip_body) co_return;
  const bool skipped = co_await skip_body();
  after_ = skipped ? After::reuse : After::close;
}

// False: there is more of it than is worth reading, or it does not come.
reactor::Task<bool> ClientStream::skip_body() {
  const base::MonoTime deadline = context_.now() + context_.call.in_force().timeouts.body_idle;
  std::size_t size = 0;
  for (;;) {
    const http::BodyReader::Step step = reader_.feed(in().data(), in().size());
    in().consume(step.consumed);
    size += step.consumed;
    if (step.failed || size > most_skipped) co_return false;
    if (reader_.done()) co_return true;
    const reactor::Io io = socket().receive(in().prepare(least_room));
    if (io.status == IoStatus::ok) {
      in().commit(io.bytes);
      continue;
    }
    in().clear();
    if (io.status != IoStatus::again) co_return false;
    const call::Woken woken = co_await session_.wake(deadline);
    if (woken != call::Woken::event) co_return false;
  }
}

}  // namespace canary::http1

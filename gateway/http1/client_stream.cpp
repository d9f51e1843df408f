#include "http1/client_stream.hpp"

#include "http/build_head.hpp"
#include "http1/context.hpp"
#include "http1/session.hpp"
#include "http1/upstream_connection.hpp"
#include "reactor/tcp.hpp"

namespace canary::http1 {
namespace {

using reactor::IoStatus;

constexpr std::size_t least_room = 4 << 10;
constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

ClientStream::ClientStream(Session& session)
    : call::ClientStream(session.peer(), session.context().now()),
      session_(session),
      context_(session.context()) {}

reactor::Socket& ClientStream::socket() { return session_.socket(); }
reactor::Buffer& ClientStream::in() { return session_.in(); }
bool ClientStream::gone() const { return session_.socket().hung_up(); }

bool ClientStream::find_head() {
  const auto& most = context_.call.in_force().limits;
  const http::HeadLimits limits{most.header_bytes, most.header_count};
  if (const std::size_t empty = http::leading_empty_lines(in().view()); empty > 0) {
    in().consume(empty);
    scanned_ = 0;
    skipped_ += empty;
  }
  if (skipped_ > limits.bytes) {  // or a fast sender of empty lines would never give way
    refusal_ = {400, "bad_request", "there are only empty lines"};
    return true;
  }
  head_size_ = http::find_head_end(in().view(), scanned_);
  if (head_size_ > 0) {
    read();
    return true;
  }
  refusal_ = http::refuse_incomplete(in().view(), limits);
  return static_cast<bool>(refusal_);
}

reactor::Task<bool> ClientStream::read_head() {
  const base::MonoTime deadline = context_.now() + context_.call.in_force().timeouts.header;
  for (;;) {
    const reactor::Io io = socket().receive(in().prepare(least_room));
    if (io.status == IoStatus::ok) {
      in().commit(io.bytes);
      if (find_head()) co_return true;
      continue;
    }
    if (io.status != IoStatus::again) co_return false;
    const call::Woken woken = co_await session_.wake(deadline);
    if (woken == call::Woken::shutdown) co_return false;
    if (woken == call::Woken::expired) {
      refusal_ = {408, "header_timeout", "the request head did not arrive within timeouts.header"};
      co_return !in().empty();
    }
  }
}

http::Refusal ClientStream::parse() {
  const auto& most = context_.call.in_force().limits;
  return context_.request.parse(in().view().substr(0, head_size_),
                                {most.header_bytes, most.header_count});
}

void ClientStream::read() {
  refusal_ = parse();
  if (refusal_) return;
  const http::RequestHead& head = context_.request;
  head_ = &head;
  http_1_0_ = head.http_1_0;
  is_head_ = head.is_head;
  expect_continue_ = head.expect_continue;
  last_ = !head.keep_alive;
  after_ = head.keep_alive ? After::reuse : After::close;
  reader_ = http::BodyReader(head.framing, head.content_length);
  parsed_ = true;
}

// Before a wait: the scratch will be others', and the buffer's bytes may move. A head that was sent
// is mostly not asked for again.
void ClientStream::hold_head() {
  if (held_) return;
  if (!asked_ && head_)
    held_ = std::make_unique<http::HeldRequestHead>(*head_, in().view().substr(0, head_size_));
  head_ = held_.get();
}

// Of a request that was sent and kept, as its bytes are.
const http::RequestHead& ClientStream::held_head() {
  parse();
  head_ = &context_.request;
  return *head_;
}

void ClientStream::replay() {
  retained_ = 0;
  asked_ = false;
}

std::uint16_t ClientStream::local_port() const {
  return reactor::bound_port(session_.socket().fd());
}

bool ClientStream::whole() const {
  return whole_in_hand(reader_, session_.in().size() - head_size_);
}

std::size_t ClientStream::take_whole(base::TextBuffer& out, bool keep) {
  asked_ = true;
  const auto body = static_cast<std::size_t>(reader_.remaining());
  out.append(in().view().substr(head_size_, body));
  if (keep)
    retained_ = head_size_ + body;
  else
    in().consume(head_size_ + body);
  return body;
}

void ClientStream::begin_upload() {
  asked_ = true;
  in().consume(head_size_);
  if (!expect_continue_) return;
  interim_left_ = go_on;
  interim_waits_ = true;
}

call::UpstreamLease ClientStream::take(traffic::EndpointId endpoint) {
  UpstreamPool::Owned connection = context_.upstreams.take(endpoint);
  if (connection) connection->socket.owner = &session_.as_owner();
  return connection;
}

call::UpstreamLease ClientStream::connect(const traffic::Endpoint& endpoint, int& error) {
  return context_.upstreams.connect(endpoint, session_.as_owner(), error);
}

// 100 is ours to say, for we take Expect. One that the client does not take in time is dropped
// instead of piled up: it is not needed.
void ClientStream::interim(const http::ResponseHead& head) {
  flush_interim();
  if (http_1_0_ || head.status == 100 || !interim_left_.empty()) return;
  interim_.clear();
  http::build_response_head(interim_, head, {});
  interim_left_ = interim_.view();
  send_interim();
}

void ClientStream::send_interim() {
  const reactor::Io io = socket().send(interim_left_);
  interim_left_.remove_prefix(io.bytes);
  interim_waits_ = !interim_left_.empty();
}

// What was begun must be ended; a `100 Continue` that was not is void by now.
void ClientStream::begin_answer() {
  context_.scratch.clear();
  if (interim_left_ != go_on) context_.scratch.append(interim_left_);
  interim_left_ = {};
  interim_waits_ = false;
}

call::Sent ClientStream::respond(const call::Response& response, call::UpstreamStream& from) {
  auto& upstream = static_cast<UpstreamConnection&>(from);
  const http::ResponseHead& head = response.head;
  const bool tunnel = !response.upgrade.empty();
  const bool until_close = head.framing == http::Framing::until_close;
  const bool unsized = until_close || head.framing == http::Framing::chunked;
  const bool chunked = unsized && !http_1_0_ && !tunnel;
  if (unsized && http_1_0_) end_ = End::closed;
  if (tunnel) end_ = End::reset;
  // What is still being uploaded would be read as the next request.
  may_reuse(response.upload == call::Upload::done && !context_.draining && end_ == End::framed);
  base::TextBuffer& out = context_.scratch;
  begin_answer();
  http::build_response_head(out, head,
                            {.request_id = response.request_id,
                             .model_version = response.model_version,
                             .date = tunnel ? std::string_view{} : context_.date(),
                             .upgrade = response.upgrade,
                             .to_http_1_0 = http_1_0_,
                             .close = after_ == After::close && !tunnel,
                             .chunked = chunked});
  http::BodyReader body(head.framing, head.content_length);
  if (tunnel) body = http::BodyReader(http::Framing::until_close, 0);
  upstream.consume_head();
  if (retained_ > 0) in().consume(std::exchange(retained_, 0));
  if (!response.observer && whole_in_hand(body, upstream.reply.size())) {
    const auto size = static_cast<std::size_t>(body.remaining());
    out.append(upstream.reply.view().substr(0, size));
    if (size > 0) upstream.reply.consume(size);
    const bool all = send_whole(out.view(), download_, upstream.socket, upstream.reply, socket());
    return {size, all ? nullptr : &*download_};
  }
  download_.emplace(upstream.socket, upstream.reply, body, socket(), chunked, Relay::no_limit);
  if (response.observer) download_->watch(*response.observer);
  download_->head(out);
  return {0, &*download_};
}

void ClientStream::finish(call::Upload upload) {
  answered_ = true;
  const bool over = last_ && upload == call::Upload::done && in().empty();
  if (over && !socket().has_input()) session_.part();
}

void ClientStream::abort() {
  after_ = After::close;
  if (end_ == End::framed)
    context_.reactor.close(socket());
  else
    context_.reactor.reset(socket());  // an orderly close would look like the end
}

std::uint64_t ClientStream::arrived() const {
  const reactor::Socket& client = session_.socket();
  return client.sent() - client.unacknowledged();
}

void ClientStream::park(std::coroutine_handle<> handle, base::MonoTime deadline, Pause::For what) {
  head_ = nullptr;
  if (what == Pause::For::turn)
    session_.yield(handle, deadline);
  else
    session_.park(handle, deadline, what == Pause::For::reply && !interim_waits_);
}

}  // namespace canary::http1

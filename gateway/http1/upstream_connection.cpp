#include "http1/upstream_connection.hpp"

#include <algorithm>
#include <cerrno>

#include "http1/client_stream.hpp"
#include "http1/context.hpp"
#include "reactor/tcp.hpp"

namespace canary::http1 {
namespace {

constexpr base::Duration listening = std::chrono::milliseconds(50);
constexpr std::size_t least_room = 4 << 10;

// Everything up to the sender's end, as it comes.
const http::BodyReader raw(http::Framing::until_close, 0);

}  // namespace

UpstreamConnection::UpstreamConnection(Context& context, traffic::EndpointId endpoint)
    : reply(context.buffers), endpoint(endpoint), context_(context) {
  connecting_.phase = Connecting::Phase::under_way;
}

UpstreamConnection::Connecting UpstreamConnection::connecting(base::MonoTime deadline) {
  using Phase = Connecting::Phase;
  switch (connecting_.phase) {
    case Phase::under_way: {
      if (!socket.writable()) break;
      const int error = reactor::connect_error(socket.fd());
      if (error != 0 || !context_.upstreams.distrusts(endpoint)) return connected(error);
      connecting_.phase = Phase::listening;
      connecting_.until = std::min(context_.now() + listening, deadline);
      break;
    }
    case Phase::listening:
      if (socket.readable() || context_.now() >= connecting_.until) return connected(0);
      break;
    case Phase::over:
      break;
  }
  return connecting_;
}

UpstreamConnection::Connecting UpstreamConnection::connected(int error) {
  connecting_ = {};
  connecting_.error = error;
  if (error == 0 && socket.pending() == reactor::Socket::Pending::bytes) {
    context_.upstreams.unasked(endpoint);
    connecting_.error = EPROTO;
  }
  return connecting_;
}

call::Sent UpstreamConnection::ask(const http::RequestHead& head,
                                   const http::ForwardedRequest& forwarded, call::BodySource& body,
                                   Body how) {
  ClientStream& client = static_cast<ClientStream&>(body);
  to_head_ = head.is_head;
  after_ = After::close;
  base::TextBuffer& out = context_.scratch;
  out.clear();
  http::build_request_head(out, head, forwarded);
  if (how == Body::streamed) {
    client.begin_upload();
    upload_.emplace(client.socket(), client.in(), client.reader(), socket,
                    head.framing == http::Framing::chunked,
                    context_.call.in_force().limits.request_body);
    upload_->head(out);
    return {0, &*upload_};
  }
  const std::size_t size = client.take_whole(out, how == Body::kept);
  const bool all = send_whole(out.view(), upload_, client.socket(), client.in(), socket);
  return {size, all ? nullptr : &*upload_};
}

UpstreamConnection::Answer UpstreamConnection::answer() {
  using What = Answer::What;
  const http::HeadLimits limits{context_.call.in_force().limits.header_bytes, http::max_fields};
  if (head_size_ > 0) {  // of an interim one
    consume_head();
    scanned_ = 0;
  }
  // Mostly, right behind the request: there is nothing to look at yet.
  if (!socket.readable() && reply.empty()) return {};
  for (;;) {
    const std::size_t size = http::find_head_end(reply.view(), scanned_);
    if (size > 0) return take_head(size);
    if (const auto refusal = http::refuse_incomplete_response(reply.view(), limits))
      return {.what = What::bad, .message = refusal.message};
    const reactor::Io io = socket.receive(reply.prepare(least_room));
    switch (io.status) {
      case reactor::IoStatus::ok:
        reply.commit(io.bytes);
        break;
      case reactor::IoStatus::again:
        if (reply.empty())
          reply.clear();
        else
          reply.compact();
        return {};
      case reactor::IoStatus::closed:
      case reactor::IoStatus::failed:
        return {.what = What::broke_off, .error = io.error};
    }
  }
}

// A whole head is at the front of the reply.
UpstreamConnection::Answer UpstreamConnection::take_head(std::size_t size) {
  using What = Answer::What;
  const http::HeadLimits limits{context_.call.in_force().limits.header_bytes, http::max_fields};
  http::ResponseHead& head = context_.response;
  const auto refusal = head.parse(reply.view().substr(0, size), to_head_, limits);
  if (refusal) return {.what = What::bad, .message = refusal.message};
  const std::uint64_t unacknowledged = socket.unacknowledged();
  if (unacknowledged >= socket.sent() - sent_before_) {
    context_.upstreams.unasked(endpoint);
    return {.what = What::unasked};
  }
  head_size_ = size;
  // What was not read may have been refused, and what is still to come would be read as a request.
  const bool arrived = unacknowledged == 0 && (!upload_ || upload_->finished());
  after_ = head.keep_alive && arrived ? After::reuse : After::close;
  return {.what = What::head, .head = &head};
}

// A reset carries no acknowledgement that would be counted: it alone does not say who was first.
// The upload may have met it before.
UpstreamConnection::Fate UpstreamConnection::fate(int error) const {
  if (!reply.empty()) return Fate::answered;
  if (error == 0 && upload_) error = upload_->error();
  const bool taken = error == ECONNRESET || socket.acknowledged_beyond(sent_before_);
  return taken ? Fate::maybe_begun : Fate::untouched;
}

call::Transfer& UpstreamConnection::tunnel(call::BodySource& from) {
  ClientStream& client = static_cast<ClientStream&>(from);
  upload_.emplace(client.socket(), client.in(), raw, socket, false, Relay::no_limit);
  return *upload_;
}

void UpstreamConnection::abort() { context_.reactor.reset(socket); }

bool UpstreamConnection::look() { return reactor::Reactor::look(socket); }

void UpstreamConnection::give_back(const Reuse& reuse) {
  if (after_ == After::reuse && clean())
    context_.upstreams.put(*this, reuse.keep, reuse.most);
  else
    discard();
}

void UpstreamConnection::rest(base::MonoTime until) {
  reply.clear();
  upload_.reset();
  scanned_ = head_size_ = 0;
  after_ = After::reuse;
  sent_before_ = socket.sent();
  reused_ = true;
  idle = true;
  idle_until = until;
}

void UpstreamConnection::discard() {
  reply.clear();
  context_.upstreams.discard(this);
}

}  // namespace canary::http1

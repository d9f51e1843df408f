// One request on an HTTP/1 connection, and its answer: the head is found and read, the body waits
// in the session's buffer or socket, and what was answered decides whether another request follows.
// Lives for one request, from its first byte on; owned by its session, on the worker's thread.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "call/streams.hpp"
#include "http/body.hpp"
#include "http1/outlet.hpp"
#include "http1/relay.hpp"
#include "reactor/buffer.hpp"
#include "reactor/frame_pool.hpp"
#include "reactor/socket.hpp"
#include "reactor/task.hpp"

namespace canary::http1 {

struct Context;
class Session;

class ClientStream final : public call::ClientStream, public call::BodySource {
 public:
  explicit ClientStream(Session& session);

  /// Looks for a whole head at the front of in(). True: it is there, or refusal() says why not.
  bool find_head();
  /// Reads on until that is so; false when there is nobody to answer.
  reactor::Task<bool> read_head();
  /// Behind the call: an answer of our own still has to leave, or a body to be dropped.
  bool unfinished() const { return outlet_.has_value() || after_ == After::skip_body; }
  reactor::Task<> finish_answer();
  /// Another request may follow on this connection.
  bool more() const { return answered_ && after_ == After::reuse; }

  // For the upstream's side of the wire:
  reactor::Socket& socket();
  reactor::Buffer& in();
  const http::BodyReader& reader() const { return reader_; }
  /// Appends the body, which is whole. It is dropped with its head, unless it is kept.
  std::size_t take_whole(base::TextBuffer& out, bool keep);
  /// The head is dropped: what follows is the body. Who waits to be asked for it is.
  void begin_upload();

  // For the session:
  call::CallRecord* record() const { return record_; }
  const call::UpstreamLease* upstream() const { return upstream_; }
  void woken(call::Woken why) { woken_ = why; }

  const http::Refusal& refusal() const override { return refusal_; }
  std::uint16_t local_port() const override;
  bool whole() const override;
  call::BodySource& body() override { return *this; }
  void replay() override;

  call::UpstreamLease take(traffic::EndpointId endpoint) override;
  call::UpstreamLease connect(const traffic::Endpoint& endpoint, int& error) override;

  void interim(const http::ResponseHead& head) override;
  call::Sent respond(const call::Response& response, call::UpstreamStream& from) override;
  void answer(const call::OwnAnswer& own, call::Upload upload) override;
  void finish(call::Upload upload) override;
  void abort() override;
  bool gone() const override;
  std::uint64_t arrived() const override;

  static void* operator new(std::size_t size) { return reactor::allocate_frame(size); }
  static void operator delete(void* memory, std::size_t size) noexcept {
    reactor::free_frame(memory, size);
  }

 private:
  /// What becomes of the connection behind this request, as far as is known.
  enum class After : std::uint8_t {
    close,      // its end
    reuse,      // the next request
    skip_body,  // the next request, behind a body that nobody wants
  };
  /// How the answer's end shows.
  enum class End : std::uint8_t { framed, closed, reset };

  void park(std::coroutine_handle<> handle, base::MonoTime deadline, Pause::For what) override;
  const http::RequestHead& held_head() override;
  void send_interim() override;
  void hold_head();
  http::Refusal parse();
  void read();
  void begin_answer();
  void may_reuse(bool allowed) {
    if (!allowed) after_ = After::close;
  }
  bool may_skip_body() const;
  void flush_answer();
  reactor::Task<bool> skip_body();

  Session& session_;
  Context& context_;
  std::size_t head_size_ = 0;  // of the request head at the front of in()
  std::size_t scanned_ = 0;    // bytes there that were searched for the head's end
  std::size_t retained_ = 0;   // request bytes kept there for a replay or a 101
  After after_ = After::close;
  End end_ = End::framed;
  bool asked_ = false;     // the head was sent
  bool answered_ = false;  // to the end
  bool parsed_ = false, http_1_0_ = false, is_head_ = false;
  bool expect_continue_ = false;
  bool last_ = true;               // the client wants no further one on this connection
  http::BodyReader reader_;        // of the request's body
  std::string_view interim_left_;  // of interim_ or go_on: still to be sent to the client
  std::optional<Relay> download_;
  std::unique_ptr<http::HeldRequestHead> held_;  // since a wait before it was sent
  http::Refusal refusal_;
  std::size_t skipped_ = 0;       // bytes of empty lines in front of the request head
  base::TextBuffer interim_;      // a 1xx of the upstream's that is passed on
  std::optional<Outlet> outlet_;  // an answer of our own that did not leave at once
};

}  // namespace canary::http1

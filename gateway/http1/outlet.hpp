// What is to be sent next on one socket, so that it leaves in one system call: a head that was
// built in scratch memory, then bytes at the front of a buffer, then a constant suffix. What the
// socket does not take at once stays here.
#pragma once

#include <string>
#include <string_view>

#include "base/text_buffer.hpp"
#include "reactor/buffer.hpp"
#include "reactor/socket.hpp"

namespace canary::http1 {

/// Copying up to this much behind a head is cheaper than a second part of the system call.
constexpr std::size_t small_body = 8 << 10;

class Outlet {
 public:
  /// Queues a head that was built in `scratch`, which stays untouched until flush() returns.
  void head(base::TextBuffer& scratch) {
    scratch_ = &scratch;
    head_ = scratch.view();
  }
  /// Queues what is left of one that was sent in part: a copy of it.
  void rest(std::string_view head) {
    kept_.assign(head);
    head_ = kept_;
  }
  /// Queues the first `count` bytes of the buffer given to flush(), and drops `skip` bytes behind
  /// them (framing that was taken off) when they are gone.
  void body(std::size_t count, std::size_t skip) {
    body_ = count;
    skip_ = skip;
  }
  void suffix(std::string_view constant) { suffix_ = constant; }

  /// Whether a body may be queued: what was queued before is gone, but for a head.
  bool takes_body() const { return body_ == 0 && skip_ == 0 && suffix_.empty(); }
  bool empty() const { return head_.empty() && body_ == 0 && suffix_.empty(); }

  /// Sends what it can. ok: everything is gone, and consumed from `buffer`. again: the socket is
  /// full; what is left is kept. failed: the connection is broken. `Io::bytes` counts what was
  /// sent.
  reactor::Io flush(reactor::Socket& socket, reactor::Buffer& buffer);

 private:
  void join_small_body(reactor::Buffer& buffer);
  void sent(std::size_t count, reactor::Buffer& buffer);
  void leave_scratch();

  base::TextBuffer* scratch_ = nullptr;  // where head_ lives, until leave_scratch()
  std::string_view head_;
  std::string kept_;  // the rest of a head that did not fit; empty in the usual case
  std::size_t body_ = 0, skip_ = 0;
  std::string_view suffix_;
};

}  // namespace canary::http1

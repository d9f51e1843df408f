// One direction of a body between two HTTP/1 connections: from a socket through its buffer to
// another socket, in place, framing checked and put on anew as it passes.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "call/transfer.hpp"
#include "http/body.hpp"
#include "http1/outlet.hpp"
#include "reactor/buffer.hpp"
#include "reactor/socket.hpp"

namespace canary::http1 {

class Relay final : public call::Transfer {
 public:
  /// `chunked_out`: the body leaves in chunks of our own. `limit`: most body bytes.
  static constexpr std::uint64_t no_limit = UINT64_MAX;
  Relay(reactor::Socket& from, reactor::Buffer& buffer, http::BodyReader reader,
        reactor::Socket& to, bool chunked_out, std::uint64_t limit)
      : from_(from),
        buffer_(buffer),
        to_(to),
        reader_(reader),
        limit_(limit),
        chunked_out_(chunked_out) {}

  /// A head to send in front of the body; see Outlet::head.
  void head(base::TextBuffer& scratch) { outlet_.head(scratch); }
  void rest_of_head(std::string_view rest) { outlet_.rest(rest); }

  Progress step() override;
  /// Everything has been sent.
  bool finished() const {
    return reader_.done() && outlet_.empty() && (!chunked_out_ || ended_out_);
  }
  std::uint64_t body_bytes() const override { return reader_.body_bytes(); }
  void pass_on_end() override;

 private:
  Progress move();
  void frame();        // takes what is in the buffer and queues it
  Progress receive();  // done here means: bytes came

  reactor::Socket& from_;
  reactor::Buffer& buffer_;
  reactor::Socket& to_;
  http::BodyReader reader_;
  Outlet outlet_;
  std::uint64_t limit_;
  bool chunked_out_ = false;
  bool ended_out_ = false;  // the last chunk is queued
  bool failed_ = false;
};

/// Whether what is left of the body is in hand, and little enough to leave together with its head.
inline bool whole_in_hand(const http::BodyReader& body, std::size_t in_hand) {
  return body.done() || (body.remaining() > 0 && body.remaining() <= std::min(in_hand, small_body));
}

/// Sends a message that is whole in hand. Mostly the kernel takes it all: true, and no relay is
/// needed. Else `relay` is made for the rest, and to find out what is wrong.
bool send_whole(std::string_view message, std::optional<Relay>& relay, reactor::Socket& from,
                reactor::Buffer& buffer, reactor::Socket& to);

}  // namespace canary::http1

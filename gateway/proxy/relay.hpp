// One direction of a message body: from a socket through its buffer to another socket, framing
// checked and put on anew as it passes, never collected. Does what it can without waiting and says
// what it waits for; the session waits.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "http/body.hpp"
#include "http/first_event.hpp"
#include "http/websocket_close.hpp"
#include "proxy/outlet.hpp"
#include "reactor/buffer.hpp"
#include "reactor/socket.hpp"

namespace canary::proxy {

class Relay {
 public:
  enum class Progress : std::uint8_t {
    done,           // the whole body is sent
    want_input,     // nothing more to read for now
    want_output,    // the receiver is slow
    gave_way,       // its share of this turn is used up; call again after others had theirs
    source_ended,   // the sender closed before the end of the body
    source_failed,  // the sender's connection broke
    sink_failed,    // the receiver's connection broke
    bad_framing,    // the sender's chunk framing is broken
    too_large,      // more body than `limit`
  };

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

  /// Shows it the body's bytes until content has begun.
  void watch(http::FirstEvent& first) { first_event_ = &first; }
  /// Shows it the body's bytes: a WebSocket's, in this direction.
  void watch(http::WebSocketClose& close) { close_ = &close; }

  Progress step();

  const http::BodyReader& reader() const { return reader_; }
  std::uint64_t bytes_moved() const { return moved_; }
  bool read_everything() const { return reader_.done(); }
  int error() const { return error_; }  // with sink_failed: an errno

 private:
  void frame();        // takes what is in the buffer and queues it
  Progress receive();  // done here means: bytes came

  reactor::Socket& from_;
  reactor::Buffer& buffer_;
  reactor::Socket& to_;
  http::BodyReader reader_;
  Outlet outlet_;
  http::FirstEvent* first_event_ = nullptr;
  http::WebSocketClose* close_ = nullptr;
  std::uint64_t limit_;
  std::uint64_t moved_ = 0;  // bytes received or sent, to see progress
  bool chunked_out_ = false;
  bool ended_out_ = false;  // the last chunk is queued
  bool failed_ = false;
  int error_ = 0;
};

/// Whether what is left of the body is in hand, and little enough to leave together with its head.
inline bool whole_in_hand(const http::BodyReader& body, std::size_t in_hand) {
  return body.done() || (body.remaining() > 0 && body.remaining() <= std::min(in_hand, small_body));
}

/// Sends a message that is whole in hand. Mostly the kernel takes it all: true, and no relay is
/// needed. Else `relay` is made for the rest, and to find out what is wrong.
bool send_whole(std::string_view message, std::optional<Relay>& relay, reactor::Socket& from,
                reactor::Buffer& buffer, reactor::Socket& to);

}  // namespace canary::proxy

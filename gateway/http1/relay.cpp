#include "http1/relay.hpp"

#include <sys/socket.h>

namespace canary::http1 {
namespace {

// What one session may move before others get their turn, and how much it asks the kernel for.
constexpr std::size_t turn_bytes = 512 << 10;
constexpr std::size_t least_room = 4 << 10;

// What follows the data of a chunk, and of the last one.
constexpr std::string_view chunk_and_body_end = "\r\n0\r\n\r\n";
constexpr std::size_t chunk_end_size = 2;

}  // namespace

void Relay::frame() {
  std::size_t data = 0, skip = 0;
  if (!reader_.done() && !buffer_.empty()) {
    const auto step = reader_.feed(buffer_.data(), buffer_.size());
    failed_ = step.failed;
    data = step.data;
    skip = step.consumed - step.data;
    if (observer_) observer_->see({buffer_.data(), data});
  }
  if (chunked_out_) {
    const bool last = reader_.done() && !ended_out_;
    std::string_view suffix = chunk_and_body_end.substr(data > 0 ? 0 : chunk_end_size);
    if (!last) suffix = data > 0 ? suffix.substr(0, chunk_end_size) : std::string_view{};
    outlet_.suffix(suffix);
    ended_out_ = ended_out_ || last;
    if (data > 0) {
      const std::size_t prefix = http::write_chunk_prefix(buffer_.data(), data);
      buffer_.unconsume(prefix);
      data += prefix;
    }
  }
  outlet_.body(data, skip);
}

Relay::Progress Relay::receive() {
  if (reader_.done()) return Progress::done;
  const auto room = buffer_.prepare(least_room);
  const reactor::Io io = from_.receive(room);
  switch (io.status) {
    case reactor::IoStatus::ok:
      buffer_.commit(io.bytes);
      moved_ += io.bytes;
      return Progress::done;
    case reactor::IoStatus::again:
      if (buffer_.empty()) buffer_.clear();
      return Progress::want_input;
    case reactor::IoStatus::closed:
      buffer_.clear();
      return reader_.end() ? Progress::done : Progress::source_ended;
    case reactor::IoStatus::failed:
      buffer_.clear();
      return Progress::source_failed;
  }
  return Progress::source_failed;
}

// Whoever waits now holds no more memory than its bytes need.
Relay::Progress Relay::step() {
  const Progress progress = move();
  if (progress == Progress::want_input || progress == Progress::want_output) buffer_.compact();
  return progress;
}

void Relay::pass_on_end() { ::shutdown(to_.fd(), SHUT_WR); }

Relay::Progress Relay::move() {
  const std::uint64_t turn_end = moved_ + turn_bytes;
  for (;;) {
    if (outlet_.takes_body()) frame();
    const reactor::Io io = outlet_.flush(to_, buffer_);
    moved_ += io.bytes;
    if (io.status == reactor::IoStatus::again) return Progress::want_output;
    if (io.status == reactor::IoStatus::failed) {
      error_ = io.error;
      return Progress::sink_failed;
    }
    if (failed_) return Progress::bad_framing;
    if (reader_.body_bytes() > limit_) return Progress::too_large;
    if (reader_.done() && (!chunked_out_ || ended_out_)) return Progress::done;
    if (!buffer_.empty() || reader_.done()) continue;
    if (moved_ >= turn_end) return Progress::gave_way;
    const Progress progress = receive();
    if (progress != Progress::done) return progress;
  }
}

bool send_whole(std::string_view message, std::optional<Relay>& relay, reactor::Socket& from,
                reactor::Buffer& buffer, reactor::Socket& to) {
  const reactor::Io io = to.send(message);
  if (io.bytes == message.size()) return true;
  relay.emplace(from, buffer, http::BodyReader(), to, false, Relay::no_limit);
  relay->rest_of_head(message.substr(io.bytes));
  return false;
}

}  // namespace canary::http1

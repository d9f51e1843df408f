// A connection to a model server that speaks HTTP/1: a stream of one call at a time, and idle in
// the pool between them. While it is leased, its socket's events wake the client's session.
#pragma once

#include <optional>

#include "call/streams.hpp"
#include "http1/relay.hpp"
#include "reactor/buffer.hpp"
#include "reactor/socket.hpp"

namespace canary::http1 {

struct Context;

class UpstreamConnection final : public call::UpstreamStream, public call::BodySource {
 public:
  UpstreamConnection(Context& context, traffic::EndpointId endpoint);

  Connecting connecting(base::MonoTime deadline) override;
  call::Sent ask(const http::RequestHead& head, const http::ForwardedRequest& forwarded,
                 call::BodySource& body, Body how) override;
  Answer answer() override;
  Fate fate(int error) const override;
  call::BodySource& body() override { return *this; }
  call::Transfer& tunnel(call::BodySource& from) override;
  void abort() override;
  bool look() override;
  void give_back(const Reuse& reuse) override;
  void discard() override;

  /// The final head has been built anew: its bytes are dropped, and what is behind them is body.
  void consume_head() { reply.consume(std::exchange(head_size_, 0)); }
  /// It is between messages, and no bytes but those of the answer have come.
  bool clean() const { return reply.empty() && !socket.hung_up(); }
  /// It is idle from now on, until `until` by the shared time.
  void rest(base::MonoTime until);

  reactor::Socket socket;
  reactor::Buffer reply;
  const traffic::EndpointId endpoint;
  bool idle = false;
  base::MonoTime idle_until{};  // as the server counts; while idle

 private:
  /// What may become of it when it is given back now.
  enum class After : std::uint8_t { reuse, close };
  Answer take_head(std::size_t size);
  Connecting connected(int error);

  Context& context_;
  std::size_t scanned_ = 0;        // bytes of reply that were searched for the head's end
  std::size_t head_size_ = 0;      // of the head at the front of reply
  std::uint64_t sent_before_ = 0;  // bytes of earlier requests
  Connecting connecting_{};
  bool to_head_ = false;  // it answers a HEAD request
  After after_ = After::reuse;
  std::optional<Relay> upload_;
};

}  // namespace canary::http1

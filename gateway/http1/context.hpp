// What a worker lends to its HTTP/1 connections, on both sides: its loop, memory, idle upstream
// connections, and scratch. One per worker; one thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/text_buffer.hpp"
#include "call/client.hpp"
#include "call/context.hpp"
#include "http/request_head.hpp"
#include "http/response_head.hpp"
#include "http1/upstream_pool.hpp"
#include "reactor/buffer.hpp"
#include "reactor/reactor.hpp"

namespace canary::http1 {

struct Context {
  Context(call::Context& call, reactor::Reactor& reactor, reactor::BufferPool& buffers);

  /// The Date header's value, made once per second.
  std::string_view date();
  base::MonoTime now() const { return reactor.now(); }

  call::Context& call;
  reactor::Reactor& reactor;
  reactor::BufferPool& buffers;  // outlives the reactor
  // Scratch, never valid across a wait.
  http::ParsedRequestHead request;
  http::ResponseHead response;
  base::TextBuffer scratch;  // heads are built here
  UpstreamPool upstreams;
  /// The worker's: a connection has ended, and may be freed after this batch of events.
  std::function<void(call::Client&)> ended = [](call::Client&) {};
  bool draining = false;

 private:
  std::int64_t date_second_ = 0;
  std::string date_;
};

}  // namespace canary::http1

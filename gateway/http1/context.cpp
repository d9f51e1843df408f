#include "http1/context.hpp"

#include <ctime>

namespace canary::http1 {

Context::Context(call::Context& call, reactor::Reactor& reactor, reactor::BufferPool& buffers)
    : call(call), reactor(reactor), buffers(buffers), upstreams(*this) {}

std::string_view Context::date() {
  const std::time_t now =
      std::chrono::duration_cast<std::chrono::seconds>(call.wall().time_since_epoch()).count();
  if (now != date_second_) {
    date_second_ = now;
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[40];
    date_.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts));
  }
  return date_;
}

}  // namespace canary::http1

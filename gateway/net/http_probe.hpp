// One GET to one address, to learn whether it answers. Asynchronous, on the caller's io_context:
// hundreds may be under way at once and none holds anybody up. No name is resolved, no redirect is
// followed, no body is read. Bounded in time and in bytes.
#pragma once

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace canary::net {

struct Probe {
  sockaddr_storage address{};
  socklen_t length = 0;
  std::string host;                                  // for the Host header
  std::string target;                                // "/health"
  base::Duration timeout = std::chrono::seconds(1);  // of all of it
};

/// `done` runs once, on a thread that runs `io`: with the status of the final answer, or with what
/// failed: connect, send, read. An error whose source is not upstream says nothing of the address.
void http_probe(boost::asio::io_context& io, const Probe& probe,
                std::function<void(base::Result<int>)> done);

}  // namespace canary::net

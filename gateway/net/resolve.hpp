// Names to addresses for the small client, within a deadline although getaddrinfo has none.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <stop_token>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "net/url.hpp"

namespace canary::net {

using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

/// A numeric address is taken at once, a name is looked up by a thread of its own. Waits until the
/// answer, the timeout or the stop, whichever is first.
base::Result<Endpoints> resolve(const Url& url, base::Duration timeout, std::stop_token stop);

}  // namespace canary::net

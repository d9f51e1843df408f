// One blocking HTTP/1.1 exchange, for the command line and for slow calls on threads of their own.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace canary::net {

struct ClientRequest {
  std::string method = "GET";
  std::string url;  // http://host:port/path?query
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct ClientResponse {
  int status = 0;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // in order, names as sent
};

/// Redirects are not followed, proxies of the environment are not used, at most 16 MiB are read.
/// `timeout` covers the whole exchange, the look-up of the name included. The error says what
/// failed: resolve, connect, send, read.
base::Result<ClientResponse> http_exchange(const ClientRequest& request, base::Duration timeout);

}  // namespace canary::net

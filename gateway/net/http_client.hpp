// One blocking HTTP/1.1 exchange, for the command line and for slow calls on threads of their own.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace canary::net {

struct ClientRequest {
  std::string method = "GET";
  std::string url;  // http[s]://host:port/path?query
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct ClientResponse {
  int status = 0;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // in order, names as sent
};

/// An address that a name stands for; IPv4 as IPv4-mapped IPv6.
struct PeerAddress {
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t port = 0;
};

struct ClientOptions {
  base::Duration timeout = std::chrono::seconds(10);  // of all of it, the name's look-up included
  std::size_t max_body = 16u << 20;
  /// Once the head is read the exchange has succeeded: a body that is too long, late or broken is
  /// cut short instead of being an error.
  bool head_suffices = false;
  /// Asked about every address the name stands for, before any is connected to: why it may not be,
  /// or nothing. One that may not be ends the exchange.
  std::function<std::string(const PeerAddress&)> refuse;
  std::stop_token stop;  // ends the exchange early, from any thread
};

/// Redirects are not followed, proxies of the environment are not used. https verifies the peer
/// against the system's certificates, or those in the file that SSL_CERT_FILE names. The error says
/// what failed: resolve, connect, handshake, send, read.
base::Result<ClientResponse> http_exchange(const ClientRequest& request,
                                           const ClientOptions& options);
base::Result<ClientResponse> http_exchange(const ClientRequest& request, base::Duration timeout);

}  // namespace canary::net

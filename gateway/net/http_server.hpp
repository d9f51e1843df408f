// A small HTTP/1.1 server for the control plane: the admin and observe listeners. Beast on the
// control thread's io_context; it never forwards anything and is never on a request's way.
// Everything is bounded and every wait has a deadline (ServerLimits).
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace boost::asio {
class io_context;
}

namespace canary::net {

struct HttpRequest {
  std::string method;
  std::string path;   // up to `?`, percent-decoding not applied
  std::string query;  // behind `?`
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // in order, names as sent
  std::string_view header(std::string_view name) const;      // first, case-insensitive; empty
  bool has_header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Answers may come later, but on the io_context's thread, and exactly once: a second answer is
/// ignored, and a Respond that is dropped without an answer answers 500.
using Respond = std::function<void(HttpResponse)>;
using Handler = std::function<void(const HttpRequest&, Respond)>;

struct ServerLimits {
  // A further one takes the place of the longest idle, or of the one that has been sending its
  // request for longest; when all wait for their answer it is closed.
  std::size_t connections = 64;
  std::size_t head_bytes = 16 << 10;                  // more: 431
  std::size_t body_bytes = 1 << 20;                   // more: 413
  base::Duration request = std::chrono::seconds(10);  // to send a request; to take an answer
  base::Duration answer = std::chrono::seconds(30);   // for the handler; then 504
  base::Duration idle = std::chrono::seconds(60);     // between requests
};

class HttpServer {
 public:
  /// Binds and listens at once (SO_REUSEADDR); the error says which address and why.
  static base::Result<std::unique_ptr<HttpServer>> listen(boost::asio::io_context& io,
                                                          const std::string& host,
                                                          unsigned short port, Handler handler,
                                                          const ServerLimits& limits = {});
  /// Drops every connection. Must run before the io_context ends.
  ~HttpServer();
  /// The port that was bound (when 0 was asked for).
  unsigned short port() const;
  /// Stops accepting, closes idle connections, lets the others finish their request.
  void close();

 private:
  struct Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace canary::net

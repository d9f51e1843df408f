// A small HTTP/1.1 server for the control plane: the admin and observe listeners. Beast on the
// control thread's io_context; it never forwards anything and is never on a request's way.
// Own limits: 64 connections, 16 KiB of head, 1 MiB of body, 10 s to send a request.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace canary::net {

struct HttpRequest {
  std::string method;
  std::string path;   // up to `?`, percent-decoding not applied
  std::string query;  // behind `?`
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // in order, names as sent
  std::string_view header(std::string_view name) const;      // first, case-insensitive; empty
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Answers may come later, but on the io_context's thread, and exactly once.
using Respond = std::function<void(HttpResponse)>;
using Handler = std::function<void(const HttpRequest&, Respond)>;

class HttpServer {
 public:
  /// Binds and listens at once (SO_REUSEADDR); the error says which address and why.
  static base::Result<std::unique_ptr<HttpServer>> listen(boost::asio::io_context& io,
                                                          const std::string& host,
                                                          unsigned short port, Handler handler);
  ~HttpServer();
  /// The port that was bound (when 0 was asked for).
  unsigned short port() const;
  /// Stops accepting and closes idle connections.
  void close();

 private:
  struct Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace canary::net

// Talks to a server in raw bytes, for what a well-behaved client never sends. A HttpServer under
// test runs its io_context on a thread of its own.
#pragma once

#include <sys/socket.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "net/http_server.hpp"

namespace canary::test {

class RawClient {
 public:
  RawClient() = default;
  explicit RawClient(unsigned short port) { connect(port); }
  void connect(unsigned short port) {
    socket_.connect({boost::asio::ip::make_address("127.0.0.1"), port});
    timeval limit{10, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  void send(const std::string& bytes) {
    boost::system::error_code ignored;
    boost::asio::write(socket_, boost::asio::buffer(bytes), ignored);
  }
  /// Everything until the server closes.
  std::string read_to_end() {
    while (read_some()) {
    }
    return std::exchange(received_, {});
  }
  /// One answer: its head and as much body as Content-Length says.
  std::string read_answer() {
    auto end = received_.find("\r\n\r\n");
    while (end == std::string::npos && read_some()) end = received_.find("\r\n\r\n");
    if (end == std::string::npos) return std::exchange(received_, {});
    const auto at = received_.find("Content-Length: ");
    std::size_t size = end + 4;
    if (at < end) size += std::stoul(received_.substr(at + 16));
    while (received_.size() < size && read_some()) {
    }
    std::string answer = received_.substr(0, size);
    received_.erase(0, size);
    return answer;
  }

 private:
  // False at the end. Ten seconds of silence throw: asio's own read would wait for ever.
  bool read_some() {
    char bytes[4096];
    const auto n = ::recv(socket_.native_handle(), bytes, sizeof bytes, 0);
    if (n < 0 && errno == EAGAIN) throw std::runtime_error("the server is silent");
    if (n > 0) received_.append(bytes, static_cast<std::size_t>(n));
    return n > 0;
  }
  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket socket_{io_, boost::asio::ip::tcp::v4()};
  std::string received_;
};

class RunningServer {
 public:
  explicit RunningServer(net::Handler handler, const net::ServerLimits& limits = {}) {
    server_ = net::HttpServer::listen(io, "127.0.0.1", 0, std::move(handler), limits).value();
    port = server_->port();
    thread_ = std::thread([this] { io.run(); });
  }
  ~RunningServer() {
    boost::asio::post(io, [this] { server_.reset(); });
    work_.reset();
    thread_.join();
  }
  void close() {
    boost::asio::post(io, [this] { server_->close(); });
  }

  boost::asio::io_context io;
  unsigned short port = 0;

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io.get_executor()};
  std::unique_ptr<net::HttpServer> server_;
  std::thread thread_;
};

}  // namespace canary::test

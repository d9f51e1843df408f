// One connection of HttpServer: read a request, hand it to the handler, write the answer, again.
// On the io_context's thread; kept alive by its own pending operation. Seen only inside net.
//
//   await_request -> read_head -> (100 Continue) -> read_body -> dispatch -> write -> await_request
//                        |                             |                       |
//                        +---- refuse(4xx) ------------+                       +-> linger -> closed
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/http_server.hpp"

namespace canary::net {

class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  using OnEnd = std::function<void(HttpSession*)>;

  HttpSession(boost::asio::ip::tcp::socket socket, std::shared_ptr<const Handler> handler,
              const ServerLimits& limits, OnEnd on_end);
  ~HttpSession();

  void start();
  /// Since when the client is waited for, to begin a request or to send the rest; absent while one
  /// is answered.
  std::optional<base::MonoTime> waits_since() const { return waits_since_; }
  /// It has not begun a request.
  bool idle() const { return idle_; }
  /// Closes now when idle, else after the present answer.
  void finish();
  /// Closes now, whatever is going on.
  void abort();
  /// The answer to the `exchange`-th request of this connection; late and second ones are ignored.
  void answer(std::uint64_t exchange, HttpResponse response);

 private:
  using Code = boost::system::error_code;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  void await_request(base::Duration wait);
  void read_head();
  void on_head(Code code);
  void read_body();
  void on_failed_read(Code code);
  void dispatch();
  void refuse(int status, const std::string& what);
  void write(const HttpResponse& response);
  void linger();

  boost::beast::tcp_stream stream_;
  boost::asio::steady_timer answer_deadline_;
  std::shared_ptr<const Handler> handler_;
  const ServerLimits limits_;
  OnEnd on_end_;
  boost::beast::flat_buffer buffer_{64 << 10};
  std::optional<Parser> parser_;
  std::string out_;
  std::optional<base::MonoTime> waits_since_;
  std::uint64_t exchange_ = 0;  // counts requests
  bool idle_ = false;
  bool waiting_ = false;  // for the handler's answer
  bool keep_alive_ = false;
  bool head_ = false;  // the request's method was HEAD: no body in the answer
  bool closing_ = false;
  std::size_t discarded_ = 0;
};

}  // namespace canary::net

// One request and its response on one new connection: connect, TLS where the stream has it, send,
// read. Runs its own io_context on the caller's thread; stop() alone may come from another.
#pragma once

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "net/http_client.hpp"
#include "net/resolve.hpp"
#include "net/tls.hpp"

namespace canary::net {

template <class Stream>
class ClientExchange {
  using Code = boost::system::error_code;
  using Request = boost::beast::http::request<boost::beast::http::string_body>;

 public:
  /// The stream is made of `arguments` behind the io_context.
  template <class... Arguments>
  ClientExchange(Request request, Endpoints endpoints, const ClientOptions& options,
                 Arguments&... arguments)
      : stream_(io_, arguments...),
        request_(std::move(request)),
        endpoints_(std::move(endpoints)),
        options_(options) {}

  Stream& stream() { return stream_; }

  base::Result<ClientResponse> run(base::Duration timeout) {
    const std::stop_callback stopping(
        options_.stop, [this] { boost::asio::post(io_, [this] { fail("stopped"); }); });
    tcp().expires_after(timeout);
    tcp().async_connect(endpoints_, [this](Code code, const boost::asio::ip::tcp::endpoint&) {
      if (code) return fail("connect", code);
      shake_hands();
    });
    io_.run();
    if (!error_.empty()) return base::Error(error_);
    return std::move(response_);
  }

 private:
  static constexpr std::size_t chunk_bytes = 16 << 10;
  static constexpr int max_interim = 10;  // 1xx responses before the final one

  boost::beast::tcp_stream& tcp() { return boost::beast::get_lowest_layer(stream_); }

  void shake_hands() {
    if constexpr (std::is_same_v<Stream, boost::beast::tcp_stream>) {
      Code code;  // bytes that are there by now answer nothing that was asked
      if (tcp().socket().available(code) > 0)
        return fail("connect: it sent bytes before it was asked");
      send();
    } else {
      stream_.async_handshake(boost::asio::ssl::stream_base::client, [this](Code code) {
        const std::string refused = code ? refused_certificate(stream_) : "";
        if (!refused.empty()) return fail("handshake: " + refused);
        if (code) return fail("handshake", code);
        send();
      });
    }
  }

  void send() {
    boost::beast::http::async_write(stream_, request_, [this](Code code, std::size_t) {
      if (code) return fail("send", code);
      read_head();
    });
  }

  void read_head() {
    parser_.emplace();
    parser_->header_limit(64 << 10);
    parser_->body_limit(boost::none);  // counted in read_body()
    parser_->skip(request_.method() == boost::beast::http::verb::head);
    boost::beast::http::async_read_header(
        stream_, buffer_, *parser_, [this](Code code, std::size_t) {
          if (code) return fail("read", code);
          if (parser_->get().result_int() / 100 != 1) return keep_head();
          if (++interim_ > max_interim) return fail("read", boost::beast::http::error::bad_status);
          read_head();
        });
  }

  void keep_head() {
    const auto& message = parser_->get();
    response_.status = static_cast<int>(message.result_int());
    for (const auto& field : message)
      response_.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    read_body();
  }

  void read_body() {
    if (parser_->is_done()) return tcp().close();
    auto& body = parser_->get().body();
    body.data = chunk_.data();
    body.size = chunk_.size();
    boost::beast::http::async_read(stream_, buffer_, *parser_, [this](Code code, std::size_t) {
      response_.body.append(chunk_.data(), chunk_.size() - parser_->get().body().size);
      if (code == boost::beast::http::error::need_buffer) code = {};
      if (response_.body.size() > options_.max_body) {
        response_.body.resize(options_.max_body);
        code = boost::beast::http::error::body_limit;
      }
      if (!code) return read_body();
      if (!options_.head_suffices) return fail("read", code);
      tcp().close();
    });
  }

  void fail(std::string_view step, const Code& code) {
    fail(std::string(step) + ": " +
         (code == boost::beast::error::timeout ? "no answer in time" : code.message()));
  }

  // The first failure is the one that counts: what it closes fails after it.
  void fail(std::string error) {
    if (error_.empty()) error_ = std::move(error);
    tcp().close();
  }

  boost::asio::io_context io_{1};
  Stream stream_;
  boost::beast::flat_buffer buffer_;
  Request request_;
  Endpoints endpoints_;
  const ClientOptions& options_;
  std::optional<boost::beast::http::response_parser<boost::beast::http::buffer_body>> parser_;
  std::array<char, chunk_bytes> chunk_{};
  int interim_ = 0;
  ClientResponse response_;
  std::string error_;
};

}  // namespace canary::net

#include "net/http_client.hpp"

#include <netdb.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <future>
#include <optional>
#include <thread>

#include "net/url.hpp"

namespace canary::net {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Code = boost::system::error_code;
using Endpoints = std::vector<tcp::endpoint>;

namespace {

constexpr std::uint64_t max_body = 16ull << 20;
constexpr int max_interim = 10;  // 1xx responses before the final one

bool one_line(std::string_view text) { return text.find_first_of("\r\n\0") == text.npos; }

base::Result<Endpoints> look_up(const Url& url) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &found))
    return base::Error("cannot resolve " + url.host + ": " + ::gai_strerror(failed));
  Endpoints endpoints;
  for (const addrinfo* entry = found; entry; entry = entry->ai_next) {
    tcp::endpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    endpoint.resize(entry->ai_addrlen);
    endpoints.push_back(endpoint);
  }
  ::freeaddrinfo(found);
  return endpoints;
}

// getaddrinfo cannot be interrupted: a numeric address is taken at once, a name is looked up by a
// thread that is left behind when it outlasts the deadline.
base::Result<Endpoints> resolve(const Url& url, base::Duration timeout) {
  Code not_numeric;
  const auto address = asio::ip::make_address(url.host, not_numeric);
  if (!not_numeric) return Endpoints{{address, static_cast<std::uint16_t>(std::stoul(url.port))}};
  std::packaged_task<base::Result<Endpoints>()> task([url] { return look_up(url); });
  auto answer = task.get_future();
  std::thread(std::move(task)).detach();
  if (answer.wait_for(timeout) != std::future_status::ready)
    return base::Error("cannot resolve " + url.host + ": no answer in time");
  return answer.get();
}

class Exchange {
 public:
  Exchange(http::request<http::string_body> request, Endpoints endpoints)
      : request_(std::move(request)), endpoints_(std::move(endpoints)) {}

  base::Result<ClientResponse> run(base::Duration timeout) {
    stream_.expires_after(timeout);
    stream_.async_connect(endpoints_, [this](Code code, const tcp::endpoint&) {
      if (code) return fail("connect", code);
      send();
    });
    io_.run();
    if (!error_.empty()) return base::Error(error_);
    return std::move(response_);
  }

 private:
  void send() {
    http::async_write(stream_, request_, [this](Code code, std::size_t) {
      if (code) return fail("send", code);
      read();
    });
  }

  void read() {
    parser_.emplace();
    parser_->header_limit(64 << 10);
    parser_->body_limit(max_body);
    parser_->skip(request_.method() == http::verb::head);
    http::async_read(stream_, buffer_, *parser_, [this](Code code, std::size_t) {
      if (code) return fail("read", code);
      if (parser_->get().result_int() / 100 != 1) return finish();
      if (++interim_ > max_interim) return fail("read", http::error::bad_status);
      read();
    });
  }

  void finish() {
    auto message = parser_->release();
    response_.status = static_cast<int>(message.result_int());
    for (const auto& field : message)
      response_.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    response_.body = std::move(message.body());
    stream_.close();
  }

  void fail(std::string_view step, const Code& code) {
    error_ = std::string(step) + ": " +
             (code == beast::error::timeout ? "no answer in time" : code.message());
    stream_.close();
  }

  asio::io_context io_{1};
  beast::tcp_stream stream_{io_};
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  Endpoints endpoints_;
  std::optional<http::response_parser<http::string_body>> parser_;
  int interim_ = 0;
  ClientResponse response_;
  std::string error_;
};

}  // namespace

base::Result<ClientResponse> http_exchange(const ClientRequest& request, base::Duration timeout) {
  const auto started = std::chrono::steady_clock::now();
  const auto url = parse_url(request.url);
  if (!url) return url.error();
  http::request<http::string_body> message;
  const auto verb = http::string_to_verb(request.method);
  if (verb == http::verb::unknown)
    return base::Error("not a known method: '" + request.method + "'");
  message.method(verb);
  message.target(url->target);
  message.version(11);
  message.set(http::field::host, url->authority);
  message.set(http::field::connection, "close");
  for (const auto& [name, value] : request.headers) {
    if (!one_line(name) || !one_line(value))
      return base::Error("a header's value may not hold a line break: " + name);
    message.set(name, value);
  }
  message.body() = request.body;
  message.prepare_payload();
  auto endpoints = resolve(*url, timeout);
  if (!endpoints) return base::Error("resolve: " + endpoints.error().message());
  const base::Duration left = timeout - (std::chrono::steady_clock::now() - started);
  if (left <= base::Duration::zero()) return base::Error("resolve: no answer in time");
  return Exchange(std::move(message), std::move(*endpoints)).run(left);
}

}  // namespace canary::net

#include "net/http_session.hpp"

#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "log/log.hpp"

namespace canary::net {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using namespace std::chrono_literals;

namespace {

constexpr auto linger_time = 2s;
constexpr std::size_t linger_bytes = 4 << 20;

/// Why this head is refused; empty when it is sound. Beast accepts more than a server should
/// (framing it does not understand, two Hosts), and a proxy may stand in front of this listener.
std::string_view objection(const http::request_header<>& head) {
  if (head.count(http::field::host) > 1) return "more than one Host";
  if (head.version() == 11 && head.count(http::field::host) == 0) return "no Host";
  if (head.version() != 10 && head.version() != 11) return "not HTTP/1.x";
  if (!head.target().starts_with('/')) return "the target must be a path";
  if (head.target().find('#') != beast::string_view::npos) return "a fragment in the target";
  if (const auto coded = head.count(http::field::transfer_encoding)) {
    const auto value = head[http::field::transfer_encoding];
    const bool plain = coded == 1 && base::iequals({value.data(), value.size()}, "chunked");
    if (!plain || head.version() != 11 || head.count(http::field::content_length) != 0)
      return "ambiguous Transfer-Encoding";
  }
  if (head.count(http::field::content_length) > 1) return "more than one Content-Length";
  return {};
}

HttpRequest take(http::request<http::string_body>&& message) {
  HttpRequest request;
  request.method = std::string(message.method_string());
  const std::string target(message.target());
  const auto mark = target.find('?');
  request.path = target.substr(0, mark);
  if (mark != std::string::npos) request.query = target.substr(mark + 1);
  for (const auto& field : message)
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  request.body = std::move(message.body());
  return request;
}

HttpResponse failure(int status, std::string_view code, std::string_view what) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}};
  response.body = "{\"error\":{\"code\":" + base::json_string(code) +
                  ",\"message\":" + base::json_string(what) + "}}";
  return response;
}

bool clean(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  return true;
}

std::string serialize(const HttpResponse& response, bool without_body, bool close) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out.append(reason.data(), reason.size());
  out += "\r\nContent-Type: " + response.content_type;
  out += "\r\nContent-Length: " + std::to_string(response.body.size()) + "\r\n";
  for (const auto& [name, value] : response.headers)
    if (clean(name) && clean(value)) out += name + ": " + value + "\r\n";
  if (close) out += "Connection: close\r\n";
  out += "\r\n";
  if (!without_body) out += response.body;
  return out;
}

/// The handler's right to answer once. When the last copy is dropped unanswered, that is a 500.
class Ticket {
 public:
  Ticket(std::weak_ptr<HttpSession> session, std::uint64_t exchange)
      : session_(std::move(session)), exchange_(exchange) {}
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  ~Ticket() { answer(failure(500, "internal", "the request was dropped without an answer")); }

  void answer(HttpResponse response) {
    if (auto alive = std::exchange(session_, {}).lock())
      alive->answer(exchange_, std::move(response));
  }

 private:
  std::weak_ptr<HttpSession> session_;
  std::uint64_t exchange_;
};

}  // namespace

HttpSession::HttpSession(asio::ip::tcp::socket socket, std::shared_ptr<const Handler> handler,
                         const ServerLimits& limits, OnEnd on_end)
    : stream_(std::move(socket)),
      answer_deadline_(stream_.get_executor()),
      handler_(std::move(handler)),
      limits_(limits),
      on_end_(std::move(on_end)) {}

HttpSession::~HttpSession() { on_end_(this); }

void HttpSession::start() {
  Code ignored;
  stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  await_request(limits_.request);
}

void HttpSession::finish() {
  closing_ = true;
  if (idle_) abort();
}

void HttpSession::abort() {
  closing_ = true;
  waiting_ = false;
  answer_deadline_.cancel();
  stream_.close();
}

void HttpSession::await_request(base::Duration wait) {
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(limits_.head_bytes));
  parser_->body_limit(limits_.body_bytes);
  if (buffer_.size() > 0) return read_head();
  idle_ = true;
  waits_since_ = std::chrono::steady_clock::now();
  stream_.expires_after(wait);
  stream_.async_read_some(buffer_.prepare(4096),
                          [self = shared_from_this()](Code code, std::size_t bytes) {
                            if (code || self->closing_) return self->abort();
                            self->buffer_.commit(bytes);
                            self->read_head();
                          });
}

void HttpSession::read_head() {
  idle_ = false;
  waits_since_ = std::chrono::steady_clock::now();
  stream_.expires_after(limits_.request);  // one deadline for the head and the body
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](Code code, std::size_t) { self->on_head(code); });
}

void HttpSession::on_head(Code code) {
  if (code) return on_failed_read(code);
  if (const auto what = objection(parser_->get()); !what.empty())
    return refuse(400, std::string(what));
  const auto expect = parser_->get()[http::field::expect];
  if (parser_->is_done() || !base::iequals({expect.data(), expect.size()}, "100-continue"))
    return read_body();
  out_ = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(stream_, asio::buffer(out_),
                    [self = shared_from_this()](Code failed, std::size_t) {
                      if (failed) return self->abort();
                      self->read_body();
                    });
}

void HttpSession::read_body() {
  http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](Code code, std::size_t) {
    if (code) return self->on_failed_read(code);
    self->dispatch();
  });
}

void HttpSession::on_failed_read(Code code) {
  if (code == http::error::header_limit || code == http::error::buffer_overflow)
    return refuse(
        431, "the request head is larger than " + std::to_string(limits_.head_bytes) + " bytes");
  if (code == http::error::body_limit)
    return refuse(
        413, "the request body is larger than " + std::to_string(limits_.body_bytes) + " bytes");
  if (code == beast::error::timeout) return abort();
  if (code.category() == make_error_code(http::error::bad_method).category() &&
      code != http::error::end_of_stream && code != http::error::partial_message)
    return refuse(400, code.message());
  abort();
}

void HttpSession::dispatch() {
  waits_since_.reset();
  stream_.expires_never();
  keep_alive_ = parser_->keep_alive() && !closing_;
  head_ = parser_->get().method() == http::verb::head;
  const HttpRequest request = take(parser_->release());
  waiting_ = true;
  answer_deadline_.expires_after(limits_.answer);
  answer_deadline_.async_wait([self = shared_from_this(), exchange = ++exchange_](Code code) {
    if (!code) self->answer(exchange, failure(504, "timeout", "no answer in time"));
  });
  auto ticket = std::make_shared<Ticket>(weak_from_this(), exchange_);
  try {
    (*handler_)(request, [ticket](HttpResponse response) { ticket->answer(std::move(response)); });
  } catch (const std::exception& error) {  // a bug; the gateway outlives it and the client gets 500
    log::error("http_handler_failed", {{"path", request.path}, {"what", error.what()}});
  }
}

void HttpSession::answer(std::uint64_t exchange, HttpResponse response) {
  if (!waiting_ || exchange != exchange_) return;
  waiting_ = false;
  answer_deadline_.cancel();
  write(response);
}

void HttpSession::refuse(int status, const std::string& what) {
  waits_since_.reset();
  keep_alive_ = false;
  head_ = false;
  const char* code = status == 413   ? "body_too_large"
                     : status == 431 ? "head_too_large"
                                     : "malformed_request";
  write(failure(status, code, what));
}

void HttpSession::write(const HttpResponse& response) {
  if (closing_) keep_alive_ = false;
  out_ = serialize(response, head_, !keep_alive_);
  stream_.expires_after(limits_.request);
  asio::async_write(stream_, asio::buffer(out_),
                    [self = shared_from_this()](Code code, std::size_t) {
                      if (code) return self->abort();
                      if (!self->keep_alive_ || self->closing_) {
                        self->stream_.expires_after(linger_time);
                        self->waits_since_ = std::chrono::steady_clock::now();
                        Code ignored;
                        self->stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
                        return self->linger();
                      }
                      self->await_request(self->limits_.idle);
                    });
}

// Reads what the client still sends: closing with unread bytes would reset the connection, and the
// reset could overtake the answer.
void HttpSession::linger() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(16 << 10),
                          [self = shared_from_this()](Code code, std::size_t bytes) {
                            self->discarded_ += bytes;
                            if (code || self->discarded_ > linger_bytes) return self->abort();
                            self->linger();
                          });
}

}  // namespace canary::net

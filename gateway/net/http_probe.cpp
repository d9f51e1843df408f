#include "net/http_probe.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "base/shortage.hpp"

namespace canary::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr std::uint32_t most_header_bytes = 8 << 10;
constexpr int most_interim = 4;  // 1xx responses before the final one

class Running : public std::enable_shared_from_this<Running> {
  using Code = boost::system::error_code;

 public:
  Running(asio::io_context& io, const Probe& probe, std::function<void(base::Result<int>)> done)
      : stream_(io), done_(std::move(done)) {
    std::memcpy(peer_.data(), &probe.address, probe.length);
    peer_.resize(probe.length);
    request_.method(http::verb::get);
    request_.target(probe.target);
    request_.version(11);
    request_.set(http::field::host, probe.host);
    request_.set(http::field::user_agent, "canary-gateway");
    request_.set(http::field::connection, "close");
    stream_.expires_after(probe.timeout);
  }

  void connect() {
    stream_.async_connect(peer_, [self = shared_from_this()](Code code) {
      if (code) return self->fail("connect", code);
      self->send();
    });
  }

 private:
  // Bytes that are there by now answer nothing that was asked: they say nothing of its health.
  void send() {
    Code code;
    if (stream_.socket().available(code) > 0) {
      stream_.close();
      return done_(
          base::Error("connect: it sent bytes before it was asked", base::Source::upstream));
    }
    http::async_write(stream_, request_, [self = shared_from_this()](Code code, std::size_t) {
      if (code) return self->fail("send", code);
      self->read();
    });
  }

  void read() {
    parser_.emplace();
    parser_->header_limit(most_header_bytes);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = shared_from_this()](Code code, std::size_t) {
                              if (code) return self->fail("read", code);
                              self->answered(static_cast<int>(self->parser_->get().result_int()));
                            });
  }

  void answered(int status) {
    if (status / 100 == 1 && ++interim_ <= most_interim) return read();
    stream_.close();
    done_(status);
  }

  void fail(const char* step, const Code& code) {
    stream_.close();
    const bool late = code == beast::error::timeout;
    const bool our_own = code.category() == boost::system::system_category() &&
                         base::is_local_shortage(code.value(), peer_.data()->sa_family);
    done_(base::Error(std::string(step) + ": " + (late ? "no answer in time" : code.message()),
                      our_own ? base::Source::internal : base::Source::upstream));
  }

  beast::tcp_stream stream_;
  asio::ip::tcp::endpoint peer_;
  http::request<http::empty_body> request_;
  beast::flat_buffer buffer_;
  std::optional<http::response_parser<http::empty_body>> parser_;
  int interim_ = 0;
  std::function<void(base::Result<int>)> done_;
};

}  // namespace

void http_probe(asio::io_context& io, const Probe& probe,
                std::function<void(base::Result<int>)> done) {
  std::make_shared<Running>(io, probe, std::move(done))->connect();
}

}  // namespace canary::net

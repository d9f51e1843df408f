#include "net/http_server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <set>

#include "base/text.hpp"
#include "net/http_session.hpp"

namespace canary::net {
namespace asio = boost::asio;
using asio::ip::tcp;
using Code = boost::system::error_code;

std::string_view HttpRequest::header(std::string_view name) const {
  for (const auto& [candidate, value] : headers)
    if (base::iequals(candidate, name)) return value;
  return {};
}

bool HttpRequest::has_header(std::string_view name) const {
  for (const auto& header : headers)
    if (base::iequals(header.first, name)) return true;
  return false;
}

namespace {

// A descriptor kept for the moment when the process has no other left: people must still be able
// to ask and to roll back then.
class ReservedDescriptor {
 public:
  ReservedDescriptor() { refill(); }
  ~ReservedDescriptor() { release(); }
  ReservedDescriptor(const ReservedDescriptor&) = delete;
  ReservedDescriptor& operator=(const ReservedDescriptor&) = delete;
  bool refill() {
    if (descriptor_ < 0) descriptor_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    return descriptor_ >= 0;
  }
  bool release() {
    if (descriptor_ < 0) return false;
    ::close(descriptor_);
    descriptor_ = -1;
    return true;
  }

 private:
  int descriptor_ = -1;
};

}  // namespace

struct HttpServer::Impl : std::enable_shared_from_this<HttpServer::Impl> {
  Impl(asio::io_context& io, Handler handler, const ServerLimits& server_limits)
      : acceptor(io),
        retry(io),
        handler(std::make_shared<const Handler>(std::move(handler))),
        limits(server_limits) {}

  void accept() {
    if (!acceptor.is_open()) return;
    acceptor.async_accept([self = shared_from_this()](Code code, tcp::socket socket) {
      if (!self->acceptor.is_open()) return;
      if (code) return self->on_accept_failed(code);
      self->admit(std::move(socket));
      self->accept();
    });
  }

  // The kernel says that there is no descriptor whether or not anybody wants one.
  void on_accept_failed(const Code& code) {
    if (code == asio::error::no_descriptors) {
      if (!somebody_waits()) return await_somebody();
      if (reserve.release() || evict()) return accept();
    }
    retry.expires_after(std::chrono::milliseconds(100));
    retry.async_wait([self = shared_from_this()](Code cancelled) {
      if (!cancelled) self->accept();
    });
  }

  bool somebody_waits() {
    pollfd listener{acceptor.native_handle(), POLLIN, 0};
    return ::poll(&listener, 1, 0) > 0;
  }

  void await_somebody() {
    acceptor.async_wait(tcp::acceptor::wait_read, [self = shared_from_this()](Code cancelled) {
      if (!cancelled) self->accept();
    });
  }

  void admit(tcp::socket socket) {
    if (sessions.size() >= limits.connections && !evict()) return;
    auto session = std::make_shared<HttpSession>(std::move(socket), handler, limits,
                                                 [weak = weak_from_this()](HttpSession* ended) {
                                                   if (auto self = weak.lock()) self->forget(ended);
                                                 });
    // The next one must be let in as well.
    if (!reserve.refill() && evict()) reserve.refill();
    sessions.insert(session.get());
    session->start();
  }

  /// Closes the connection that has been idle for longest, or else the one that has been sending
  /// its request for longest; false when all have been sent.
  bool evict() {
    HttpSession* oldest = nullptr;
    for (HttpSession* session : sessions) {
      if (!session->waits_since()) continue;
      const bool sooner = !oldest || (session->idle() != oldest->idle()
                                          ? session->idle()
                                          : *session->waits_since() < *oldest->waits_since());
      if (sooner) oldest = session;
    }
    if (!oldest) return false;
    sessions.erase(oldest);
    oldest->abort();
    return true;
  }

  void forget(HttpSession* session) {
    sessions.erase(session);
    reserve.refill();
  }

  void close() {
    Code ignored;
    acceptor.close(ignored);
    retry.cancel();
  }

  tcp::acceptor acceptor;
  asio::steady_timer retry;
  std::shared_ptr<const Handler> handler;
  const ServerLimits limits;
  std::set<HttpSession*> sessions;
  ReservedDescriptor reserve;
};

base::Result<std::unique_ptr<HttpServer>> HttpServer::listen(asio::io_context& io,
                                                             const std::string& host,
                                                             unsigned short port, Handler handler,
                                                             const ServerLimits& limits) {
  const bool v6 = host.find(':') != std::string::npos;
  const std::string place = (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
  const auto failed = [&](const Code& code) {
    return base::Error("cannot listen on " + place + ": " + code.message());
  };
  Code code;
  const auto address = asio::ip::make_address(host, code);
  if (code) return failed(code);
  const tcp::endpoint endpoint(address, port);
  auto impl = std::make_shared<Impl>(io, std::move(handler), limits);
  impl->acceptor.open(endpoint.protocol(), code);
  if (!code) impl->acceptor.set_option(asio::socket_base::reuse_address(true), code);
  if (!code) impl->acceptor.bind(endpoint, code);
  if (!code) impl->acceptor.listen(asio::socket_base::max_listen_connections, code);
  if (code) return failed(code);
  impl->accept();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
  impl_->close();
  for (HttpSession* session : std::set<HttpSession*>(impl_->sessions)) session->abort();
}

unsigned short HttpServer::port() const {
  Code ignored;
  return impl_->acceptor.local_endpoint(ignored).port();
}

void HttpServer::close() {
  impl_->close();
  for (HttpSession* session : std::set<HttpSession*>(impl_->sessions)) session->finish();
}

}  // namespace canary::net

#include "admin/listeners.hpp"

#include "admin/api.hpp"
#include "admin/gate.hpp"
#include "base/token_file.hpp"
#include "net/http_server.hpp"

namespace canary::admin {
namespace {

// No answer of these listeners may be kept by a cache or guessed into another type.
net::Respond hardened(net::Respond respond) {
  return [respond = std::move(respond)](net::HttpResponse response) {
    response.headers.emplace_back("Cache-Control", "no-store");
    response.headers.emplace_back("X-Content-Type-Options", "nosniff");
    respond(std::move(response));
  };
}

}  // namespace

struct Listeners::Impl {
  Impl(Backend backend, const base::Clock& gateway_clock)
      : api(std::move(backend)), clock(gateway_clock) {}

  void serve_admin(const net::HttpRequest& request, net::Respond respond) {
    respond = hardened(std::move(respond));
    if (auto refused = gate->refusal(request, clock.mono())) return respond(std::move(*refused));
    api.serve(request, std::move(respond));
  }

  Api api;
  const base::Clock& clock;
  std::optional<Gate> gate;  // made when the port is known
  std::unique_ptr<net::HttpServer> admin, observe;
};

base::Result<std::unique_ptr<Listeners>> Listeners::open(
    boost::asio::io_context& io, const config::Admin& admin,
    const std::optional<config::Observe>& observe, Backend backend, const base::Clock& clock) {
  std::string token;
  if (!admin.token_file.empty()) {
    auto loaded = base::load_token(admin.token_file);
    if (!loaded) return base::Error("admin.token_file: " + loaded.error().message());
    token = std::move(*loaded);
  } else if (!admin.listen.is_loopback()) {
    return base::Error("admin.listen " + admin.listen.to_string() +
                       " is not a loopback address: set admin.token_file");
  }
  auto impl = std::make_unique<Impl>(std::move(backend), clock);
  Impl* self = impl.get();
  auto server =
      net::HttpServer::listen(io, admin.listen.host, admin.listen.port,
                              [self](const net::HttpRequest& request, net::Respond respond) {
                                self->serve_admin(request, std::move(respond));
                              });
  if (!server) return base::Error("admin.listen: " + server.error().message());
  impl->admin = std::move(*server);
  impl->gate.emplace(admin, impl->admin->port(), std::move(token));
  if (observe) {
    auto second =
        net::HttpServer::listen(io, observe->listen.host, observe->listen.port,
                                [self](const net::HttpRequest& request, net::Respond respond) {
                                  self->api.serve_observe(request, hardened(std::move(respond)));
                                });
    if (!second) return base::Error("observe.listen: " + second.error().message());
    impl->observe = std::move(*second);
  }
  return std::unique_ptr<Listeners>(new Listeners(std::move(impl)));
}

Listeners::Listeners(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listeners::~Listeners() = default;

unsigned short Listeners::admin_port() const { return impl_->admin->port(); }

std::optional<unsigned short> Listeners::observe_port() const {
  if (!impl_->observe) return std::nullopt;
  return impl_->observe->port();
}

void Listeners::close() {
  impl_->admin->close();
  if (impl_->observe) impl_->observe->close();
}

}  // namespace canary::admin

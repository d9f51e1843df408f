#include "admin/gate.hpp"

#include <algorithm>

#include "admin/answer.hpp"
#include "base/port.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "log/log.hpp"

namespace canary::admin {
namespace {

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

// A prober asks by address, has no token, and learns nothing but whether the gateway is up.
bool is_probe(const net::HttpRequest& request) {
  return request.path == "/internal/healthz" || request.path == "/internal/readyz";
}

// `Host: name:port` in two, the port with its colon; without the dot that ends a full name. What is
// no port leaves no host that could be ours.
struct Authority {
  std::string host, port;
};
Authority split(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const std::size_t bracket = text.rfind(']');
  const bool has_port =
      colon != std::string::npos && (bracket == std::string::npos || bracket < colon);
  Authority out{text.substr(0, has_port ? colon : text.size()), has_port ? text.substr(colon) : ""};
  if (out.port.size() > 1 && base::parse_port(std::string_view(out.port).substr(1)) == 0) return {};
  if (out.host.size() > 1 && out.host.ends_with('.')) out.host.pop_back();
  return out;
}

bool is_loopback(const std::string& host) {
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  const std::string bare = bracketed ? host.substr(1, host.size() - 2) : host;
  return host == "localhost" || config::ListenAddress{bare, 0}.is_loopback();
}

}  // namespace

Gate::Gate(const config::Admin& admin, std::uint16_t port, std::string token)
    : port_(port), token_(std::move(token)) {
  hosts_.push_back(bracketed(admin.listen.host) + ":" + std::to_string(port));
  if (port == 80) hosts_.push_back(bracketed(admin.listen.host));
  for (const auto& host : admin.allowed_hosts) hosts_.push_back(base::lower(host));
}

// A name of loopback is accepted with any port: a tunnel (ssh -L, kubectl port-forward) has its
// own, and no page can make a browser take another site's name for one of these.
bool Gate::is_own_host(std::string_view host) const {
  const Authority authority = split(base::lower(host));
  if (is_loopback(authority.host)) return true;
  const std::string with_port = authority.host + authority.port;
  const auto has = [&](const std::string& wanted) {
    return std::find(hosts_.begin(), hosts_.end(), wanted) != hosts_.end();
  };
  return has(authority.host) || has(with_port);
}

// A page that came from this listener: by the name and port that the request asks, which a tunnel
// chooses, or by one of our names with the port that was bound.
bool Gate::is_own_origin(std::string_view origin, std::string_view host) const {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!origin.starts_with(scheme)) continue;
    const std::string_view from = origin.substr(scheme.size());
    if (base::iequals(from, host)) return true;
    std::string port = split(base::lower(from)).port;
    if (port.empty()) port = scheme == "http://" ? ":80" : ":443";
    return is_own_host(from) && port == ":" + std::to_string(port_);
  }
  return false;
}

std::optional<net::HttpResponse> Gate::refusal(const net::HttpRequest& request,
                                               base::MonoTime now) {
  if (is_probe(request)) return std::nullopt;
  if (!is_own_host(request.header("host")))
    return failure(421, "misdirected",
                   "this listener does not answer for the host '" +
                       std::string(request.header("host")) +
                       "'; use its listen address, or name the host in admin.allowed_hosts");
  for (const auto& [name, value] : request.headers) {
    if (base::iequals(name, "origin") && !is_own_origin(value, request.header("host")))
      return failure(403, "foreign_origin", "requests of other sites' pages are refused");
    if (base::iequals(name, "sec-fetch-site") && base::iequals(value, "cross-site"))
      return failure(403, "foreign_origin", "requests of other sites' pages are refused");
  }
  if (token_.empty() || bears(request.header("authorization"), token_)) return std::nullopt;
  if (!brake_.allows(now)) {
    auto response = failure(429, "too_many_failures", "too many requests without the token");
    response.headers.emplace_back("Retry-After", "1");
    return response;
  }
  // Whoever sent it is not known: a short and harmless part of what was sent.
  constexpr std::size_t shown = 100;
  log::warn("admin_token_refused", {{"path", base::printable(request.path.substr(0, shown))}});
  auto response = failure(401, "unauthorized",
                          request.has_header("authorization")
                              ? "the token is not this gateway's; this listener needs: "
                                "Authorization: Bearer TOKEN"
                              : "this listener needs: Authorization: Bearer TOKEN");
  response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"canary-gateway\"");
  return response;
}

std::optional<net::HttpResponse> Gate::refuse_mutation(const net::HttpRequest& request) {
  const std::string_view type = request.header("content-type");
  if (base::iequals(base::trim(type.substr(0, type.find(';'))), "application/json"))
    return std::nullopt;
  return failure(415, "unsupported_media_type",
                 "what changes something must be sent with Content-Type: application/json");
}

}  // namespace canary::admin

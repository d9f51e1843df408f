#include "admin/gate.hpp"

#include <algorithm>

#include "admin/answer.hpp"
#include "base/text.hpp"
#include "log/log.hpp"

namespace canary::admin {
namespace {

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

// A prober has no token and learns nothing but whether the gateway is up.
bool needs_no_token(const net::HttpRequest& request) {
  return request.path == "/internal/healthz" || request.path == "/internal/readyz";
}

}  // namespace

Gate::Gate(const config::Admin& admin, std::uint16_t port, std::string token)
    : token_(std::move(token)) {
  const auto add = [&](const std::string& host) {
    hosts_.push_back(base::lower(host) + ":" + std::to_string(port));
    if (port == 80) hosts_.push_back(base::lower(host));
  };
  for (const char* host : {"127.0.0.1", "localhost", "[::1]"}) add(host);
  add(bracketed(admin.listen.host));
  for (const auto& host : admin.allowed_hosts) {
    hosts_.push_back(base::lower(host));
    add(host);
  }
}

bool Gate::is_own_host(std::string_view host) const {
  return std::find(hosts_.begin(), hosts_.end(), base::lower(host)) != hosts_.end();
}

bool Gate::is_own_origin(std::string_view origin) const {
  for (const std::string_view scheme : {"http://", "https://"})
    if (origin.starts_with(scheme)) return is_own_host(origin.substr(scheme.size()));
  return false;
}

std::optional<net::HttpResponse> Gate::refusal(const net::HttpRequest& request,
                                               base::MonoTime now) {
  if (!is_own_host(request.header("host")))
    return failure(421, "misdirected",
                   "this listener does not answer for the host '" +
                       std::string(request.header("host")) +
                       "'; use its listen address, or name the host in admin.allowed_hosts");
  for (const auto& [name, value] : request.headers) {
    if (base::iequals(name, "origin") && !is_own_origin(value))
      return failure(403, "foreign_origin", "requests of other sites' pages are refused");
    if (base::iequals(name, "sec-fetch-site") && base::iequals(value, "cross-site"))
      return failure(403, "foreign_origin", "requests of other sites' pages are refused");
  }
  if (token_.empty() || needs_no_token(request) || bears(request.header("authorization"), token_))
    return std::nullopt;
  if (!brake_.allows(now)) {
    auto response = failure(429, "too_many_failures", "too many requests without the token");
    response.headers.emplace_back("Retry-After", "1");
    return response;
  }
  log::warn("admin_token_refused", {{"path", request.path}});
  auto response = failure(401, "unauthorized", "this listener needs: Authorization: Bearer TOKEN");
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

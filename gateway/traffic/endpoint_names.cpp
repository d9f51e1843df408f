#include "traffic/endpoint_names.hpp"

#include <algorithm>

#include "base/port.hpp"
#include "base/text.hpp"
#include "config/address.hpp"
#include "traffic/client_address.hpp"

namespace canary::traffic {
namespace {

struct Asked {
  std::string_view host;  // without brackets and trailing dot
  std::optional<IpAddress> address;
  std::uint16_t port;
  bool https;

  bool fits(std::uint16_t endpoint_port) const {
    if (port != 0) return port == endpoint_port;
    return endpoint_port == 80 || (https && endpoint_port == 443);
  }
};

std::string_view bare(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) return host.substr(1, host.size() - 2);
  return host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
}

bool is_at(const Asked& asked, const SocketAddress& endpoint) {
  IpAddress bytes{};
  std::uint16_t port = 0;
  if (endpoint.storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(endpoint.storage);
    bytes[10] = bytes[11] = 0xff;
    std::copy_n(reinterpret_cast<const std::uint8_t*>(&v4.sin_addr), 4, bytes.begin() + 12);
    port = ntohs(v4.sin_port);
  } else {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(endpoint.storage);
    std::copy_n(v6.sin6_addr.s6_addr, 16, bytes.begin());
    port = ntohs(v6.sin6_port);
  }
  return bytes == *asked.address && asked.fits(port);
}

bool names(const Asked& asked, const config::Version& file, const Version& version) {
  const auto called = [&](const config::EndpointUrl& url) {
    return asked.fits(url.port) && base::iequals(bare(url.host), asked.host);
  };
  if (std::any_of(file.endpoints.begin(), file.endpoints.end(), called)) return true;
  if (!asked.address) return false;
  return std::any_of(version.endpoints.begin(), version.endpoints.end(),
                     [&](const Endpoint& endpoint) { return is_at(asked, endpoint.address); });
}

/// `upstream.host.name`, as config::parse_authority leaves it.
bool names(const Asked& asked, std::string_view authority) {
  std::uint16_t port = 80;
  const auto colon = authority.rfind(':');
  if (colon != std::string_view::npos && !authority.ends_with(']')) {
    port = base::parse_port(authority.substr(colon + 1));
    authority = authority.substr(0, colon);
  }
  const std::string_view host = bare(authority);
  const auto address = config::parse_ip(host);
  const bool same = base::iequals(host, asked.host) || (address && address == asked.address);
  return same && asked.fits(port);
}

}  // namespace

bool names_endpoint(const Model& model, std::string_view host, std::uint16_t port, bool https) {
  const std::string_view plain = bare(host);
  const Asked asked{plain, config::parse_ip(plain), port, https};
  const config::UpstreamHost& told = model.settings.upstream.host;
  if (told.kind == config::UpstreamHost::Kind::name && names(asked, told.name)) return true;
  if (names(asked, model.settings.stable, model.stable)) return true;
  return model.canary && names(asked, *model.settings.canary, *model.canary);
}

}  // namespace canary::traffic

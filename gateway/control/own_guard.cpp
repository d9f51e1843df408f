#include "control/own_guard.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "config/address.hpp"
#include "log/log.hpp"
#include "net/local_address.hpp"

namespace canary::control {
namespace {

net::PeerAddress peer_of(const traffic::SocketAddress& address) {
  net::PeerAddress peer;
  if (address.storage.ss_family == AF_INET6) {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address.storage);
    std::memcpy(peer.ip.data(), &six.sin6_addr, 16);
    peer.port = ntohs(six.sin6_port);
  } else {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address.storage);
    peer.ip[10] = peer.ip[11] = 0xff;
    std::memcpy(peer.ip.data() + 12, &four.sin_addr, 4);
    peer.port = ntohs(four.sin_port);
  }
  return peer;
}

}  // namespace

bool OwnGuard::is_own(const traffic::SocketAddress& address) const {
  return is_own(peer_of(address));
}

bool OwnGuard::is_own(const net::PeerAddress& peer) const {
  return std::any_of(listeners_.begin(), listeners_.end(), [&](const auto& listener) {
    return config::reaches(peer.ip, peer.port, listener, net::is_local);
  });
}

std::string OwnGuard::Endpoint::to_string() const {
  return key + ": " + url + " is one of this gateway's own listeners; name the " +
         (key.starts_with("notify") ? "receiver" : "model's server");
}

bool OwnGuard::is_own(const config::EndpointUrl& url) const {
  for (const auto& ip : config::known_addresses(url))
    if (is_own(net::PeerAddress{ip, url.port})) return true;
  return false;
}

std::vector<OwnGuard::Endpoint> OwnGuard::among(const config::Config& config) const {
  std::vector<Endpoint> out;
  const auto look = [&](const std::string& key, const config::Version& version) {
    for (std::size_t i = 0; i < version.endpoints.size(); ++i)
      if (is_own(version.endpoints[i]))
        out.push_back(
            {key + ".endpoints[" + std::to_string(i) + "]", version.endpoints[i].to_string()});
  };
  for (std::size_t i = 0; i < config.notify.size(); ++i) {
    const auto url = config::web_url_endpoint(config.notify[i].url);
    if (url && is_own(*url))
      out.push_back({"notify[" + std::to_string(i) + "].url", "the URL (not shown)"});
  }
  for (const auto& model : config.models) {
    look("models." + model.name + ".stable", model.stable);
    if (model.canary) look("models." + model.name + ".canary", *model.canary);
  }
  return out;
}

OwnGuard::Addresses OwnGuard::allowed(const config::EndpointUrl& url, Addresses found) {
  const auto own = std::stable_partition(found.begin(), found.end(),
                                         [this](const auto& each) { return !is_own(each); });
  Addresses refused(own, found.end());
  found.erase(own, found.end());
  if (refused.empty()) {
    refused_.erase(url.to_string());
    return found;
  }
  Addresses& before = refused_[url.to_string()];
  if (before != refused)
    for (const auto& address : refused)
      log::error("endpoint_refused", {{"endpoint", url.to_string()},
                                      {"address", address.to_string()},
                                      {"reason", "it is this gateway's own listener"}});
  before = std::move(refused);
  return found;
}

OwnGuard::Addresses OwnGuard::refused(const config::EndpointUrl& url) const {
  const auto found = refused_.find(url.to_string());
  return found == refused_.end() ? Addresses{} : found->second;
}

}  // namespace canary::control

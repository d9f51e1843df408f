#include "control/own_guard.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "config/address.hpp"
#include "log/log.hpp"
#include "net/local_address.hpp"
#include "traffic/build_table.hpp"

namespace canary::control {
namespace {

struct Peer {
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t port = 0;
};

Peer peer_of(const traffic::SocketAddress& address) {
  Peer peer;
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
  const Peer peer = peer_of(address);
  return std::any_of(listeners_.begin(), listeners_.end(), [&](const auto& listener) {
    return config::reaches(peer.ip, peer.port, listener, net::is_local);
  });
}

std::string OwnGuard::Endpoint::to_string() const {
  return key + ": " + url + " is one of this gateway's own listeners; name the model's server";
}

std::vector<OwnGuard::Endpoint> OwnGuard::among(const config::Config& config) const {
  std::vector<Endpoint> out;
  const auto look = [&](const std::string& key, const config::Version& version) {
    for (std::size_t i = 0; i < version.endpoints.size(); ++i) {
      const auto address = traffic::numeric_address(version.endpoints[i]);
      if (address.length == 0 || !is_own(address)) continue;
      out.push_back(
          {key + ".endpoints[" + std::to_string(i) + "]", version.endpoints[i].to_string()});
    }
  };
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

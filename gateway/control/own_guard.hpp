// Keeps requests from coming back: an endpoint that is one of the gateway's own listeners would
// give every client the admin API, or send a request round until descriptors run out. The file is
// refused where it names such an address; an address that a name is found to have is left out.
// Control thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "net/http_client.hpp"
#include "traffic/routing_table.hpp"

namespace canary::control {

class OwnGuard {
 public:
  using Addresses = std::vector<traffic::SocketAddress>;

  /// The listeners as they are bound; before the first call nothing is ours.
  void forbid(std::vector<config::ListenAddress> listeners) { listeners_ = std::move(listeners); }

  /// An endpoint of the file, or a receiver of notices.
  struct Endpoint {
    std::string key, url;  // models.m.stable.endpoints[0]; a receiver's URL is a secret
    std::string to_string() const;
  };
  /// Those whose numeric address is ours: the file may not name them.
  std::vector<Endpoint> among(const config::Config& config) const;

  /// Whether an address that the host certainly has is ours.
  bool is_own(const config::EndpointUrl& url) const;

  /// `found` without the addresses that are ours. What is left out is logged when it changes.
  Addresses allowed(const config::EndpointUrl& url, Addresses found);
  /// What allowed() left out the last time.
  Addresses refused(const config::EndpointUrl& url) const;

 private:
  bool is_own(const traffic::SocketAddress& address) const;
  bool is_own(const net::PeerAddress& peer) const;

  std::vector<config::ListenAddress> listeners_;
  std::map<std::string, Addresses> refused_;  // by URL; only where something was left out
};

}  // namespace canary::control

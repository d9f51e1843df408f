// Which addresses no message goes to, whatever name they were found under: those by which a request
// from inside could be turned against the host (server-side request forgery). Loopback and private
// addresses are allowed: URLs come from the file and the environment alone.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"
#include "net/http_client.hpp"

namespace canary::notify {

/// Why nothing is sent there: link-local (the clouds' metadata among them), multicast, 0.0.0.0/8,
/// the unspecified address, or one of `own`, the listeners of this gateway. Empty: it may be sent.
std::string refusal(const net::PeerAddress& peer, const std::vector<config::ListenAddress>& own);

}  // namespace canary::notify

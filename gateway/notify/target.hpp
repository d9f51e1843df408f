// A receiver as the file and the environment describe it, and one try to reach it.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "config/config.hpp"
#include "notify/notice.hpp"
#include "notify/queue.hpp"

namespace canary::notify {

using Environment = std::function<const char*(const char*)>;  // as ::getenv

struct Target {
  config::Notify entry;
  std::string key;      // Message::receiver: stable while the entry is the same; no secrets
  std::string shown;    // to people: "slack #incidents", "webhook http://127.0.0.1:9100"
  std::string url;      // a secret
  std::string secret;   // the signing key; empty: unsigned
  std::string problem;  // why it cannot be reached at all: a variable is not set
};

/// Reads the environment; `place` is the entry's key in the file, such as `notify[0]`. What stands
/// in the place of a variable's name is shown only where there is such a variable: it may be the
/// secret itself. The key names what the entry says: another URL in the same variable is
/// the same receiver, so that what waits for a mended one is delivered.
Target target_of(const config::Notify& entry, const std::string& place,
                 const Environment& environment);

/// POSTs the message, once: 2xx is delivered. Redirects are not followed. Blocks up to `timeout`.
Outcome deliver(const Target& target, const Message& message, const base::Clock& clock,
                const std::vector<config::ListenAddress>& own, base::Duration timeout,
                std::stop_token stop);

}  // namespace canary::notify

// Whom to tell. Called on the control thread; sends on threads of its own and never makes a
// decision wait. Durable by its caller: control commits a message's row with the decision, hands
// the message over, and forgets the row when the message was delivered (at least once).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "notify/notice.hpp"

namespace canary::notify {

/// How a receiver has fared since the start, for /metrics and the status.
struct ReceiverView {
  std::string receiver;         // "slack #incidents", "webhook http://127.0.0.1:9100": no secrets
  std::uint64_t delivered = 0;  // messages
  std::uint64_t failures = 0;   // tries that failed
  std::uint64_t dropped = 0;    // messages given up: queue full, too old, receiver removed
  std::uint64_t waiting = 0;
  std::string last_error;
};

class Notifier {
 public:
  virtual ~Notifier() = default;

  /// Who is told from now on. `status_url` is what messages link to.
  virtual void use(const std::vector<config::Notify>& receivers, const std::string& status_url) = 0;

  /// The messages that a notice becomes: one for each receiver that wants it.
  virtual std::vector<Message> messages_for(const Notice& notice) const = 0;

  /// Queues messages; returns at once. A message that is queued already is not queued again.
  virtual void send(const std::vector<Message>& messages) = 0;

  virtual std::vector<ReceiverView> receivers() const = 0;

  /// Time passes: what could not be begun is tried again.
  virtual void tick() {}
};

/// Called on the control thread when a message need not be kept any longer.
using OnSettled = std::function<void(const std::string& id, const std::string& receiver)>;

}  // namespace canary::notify

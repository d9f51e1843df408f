// Whether a client keeps up with data.limits.min_rate while the gateway waits for it: for more of
// its request, or for it to take more of the answer. A client that stops altogether meets
// timeouts.body_idle; one that sends or takes a byte now and then would hold its connection and its
// place in upstream.max_in_flight for ever. The rate is that of a whole window, so that bursts and
// pauses within one are all right. Lives in the exchange, on the worker's thread; reads no clock.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/clock.hpp"

namespace canary::call {

using base::Duration;
using base::MonoTime;

class ClientPace {
 public:
  /// `rate`: bytes per second, 0 for none. `patience`: how long the client may be silent; the rate
  /// is measured over windows of this length, but of at least 5 s.
  struct Rule {
    std::uint64_t rate = 0;
    Duration patience{};
    Duration window() const { return std::max<Duration>(patience, std::chrono::seconds(5)); }
    std::uint64_t least() const {
      const auto seconds = std::chrono::duration_cast<std::chrono::duration<double>>(window());
      return static_cast<std::uint64_t>(static_cast<double>(rate) * seconds.count());
    }
  };

  /// The gateway begins to wait for the client, which has moved `bytes` so far.
  void begin(MonoTime now, std::uint64_t bytes) {
    began_ = now;
    at_begin_ = seen_ = bytes;
  }
  /// Whether it has moved any since this, or begin(), was called last.
  bool moved(std::uint64_t bytes) { return std::exchange(seen_, bytes) != bytes; }
  /// When the window ends; max for never.
  MonoTime due(const Rule& rule) const {
    return rule.rate == 0 ? MonoTime::max() : began_ + rule.window();
  }
  /// False: the window has ended, and the client was too slow. Begins a new one when it was not.
  bool keeps_up(const Rule& rule, MonoTime now, std::uint64_t bytes) {
    if (now < due(rule)) return true;
    if (bytes - at_begin_ < rule.least()) return false;
    begin(now, bytes);
    return true;
  }

 private:
  MonoTime began_{};
  std::uint64_t at_begin_ = 0, seen_ = 0;
};

}  // namespace canary::call

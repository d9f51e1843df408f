// How often entries that move no weight and no latch may be written (complaints that are no
// trigger, pauses, refusals): a bucket for each model and kind. Decisions never ask here. Control
// thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "config/entry_kind.hpp"

namespace canary::control {

class EntryLimit {
 public:
  static constexpr double burst = 60;      // of one model and kind, at once
  static constexpr double per_second = 1;  // afterwards
  /// Of all models together, on their way to the disk.
  static constexpr std::size_t max_waiting = 256;

  /// Takes one, or says after which time to ask again.
  std::optional<base::Duration> take(const std::string& model, config::EntryKind kind,
                                     base::MonoTime now);
  /// One is on its way to the disk; it is there, or was given up.
  void begin() { ++waiting_; }
  void end() { --waiting_; }

 private:
  struct Bucket {
    double left = burst;
    base::MonoTime filled{};
  };
  std::map<std::pair<std::string, config::EntryKind>, Bucket> buckets_;
  std::size_t waiting_ = 0;
};

}  // namespace canary::control

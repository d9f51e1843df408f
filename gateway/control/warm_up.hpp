// Whether a canary that has just begun to get traffic is warm yet (models.*.warm_up). What it
// serves before is no evidence. Part of control/measure; control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "config/config.hpp"
#include "stats/cells.hpp"

namespace canary::control {

class WarmUp {
 public:
  /// The canary has weight: it is cold if it had none before.
  void begin(const stats::VersionStats& canary, base::MonoTime now);
  /// It has none: what comes next begins cold.
  void end() { since_.reset(); }

  enum class Stage : std::uint8_t { cold, over, warm };
  /// `over` once, when the last of what `wanted` asks for is there.
  Stage look(const config::WarmUp& wanted, const stats::VersionStats& canary, base::MonoTime now);
  /// As of the last look.
  bool cold() const { return since_ && !warm_; }
  /// "warming up: 12 of 50 requests, 10s of 30s".
  const std::string& reason() const { return reason_; }

 private:
  std::optional<base::MonoTime> since_;
  std::uint64_t served_before_ = 0;
  bool warm_ = false;
  std::string reason_;
};

}  // namespace canary::control

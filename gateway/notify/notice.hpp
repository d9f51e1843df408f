// What people are told: one notice per decision that concerns them, and the messages it becomes,
// one for each receiver that wants it. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "config/config.hpp"
#include "config/entry_kind.hpp"

namespace canary::notify {

/// A decision, as its receivers are told. Weights in per cent. Every field: docs/notifications.md.
struct Notice {
  std::string id;  // a UUID; the same however often it is sent
  config::NoticeKind kind = config::NoticeKind::rollback;
  base::WallTime time{};
  std::string model, stable, canary;  // version names
  config::EntryKind decision = config::EntryKind::rollback;
  std::string trigger;           // of a rollback: a criterion, operator, flag, file, ...
  std::string mode;              // of a rollback: immediate or gradual
  std::string actor, reason;     // the reason carries the numbers
  double before = 0, after = 0;  // effective weight
  std::uint32_t phase = 0;       // 0: no plan
  struct Measured {
    std::string criterion;
    double value = 0, limit = 0;
    std::uint64_t samples = 0;
  };
  std::optional<Measured> measured;  // what decided it
  bool harmless = false;             // it moved no weight and no latch
};

/// A notice on its way to one receiver, rendered once, so that every try sends the same bytes.
struct Message {
  std::string id;        // the notice's
  std::string receiver;  // which one: stable over reloads and restarts while its entry is the same
  std::string body;
  base::WallTime created{};
  bool harmless = false;  // of too many messages these give way first
};

}  // namespace canary::notify

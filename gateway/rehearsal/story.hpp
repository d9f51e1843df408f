// What came of a rehearsal, as plain data: everything that the timeline shows, and what is asked of
// it afterwards. Times are since the beginning.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/verdict.hpp"
#include "config/scenario.hpp"
#include "rehearsal/virtual_plane.hpp"
#include "rollout/state.hpp"

namespace canary::rehearsal {

/// One line of the timeline.
struct Moment {
  enum class Kind : std::uint8_t {
    event,   // of the scenario
    answer,  // the gateway refused what was asked of it
    entry,   // of the gateway's history
    notice   // who would have been told what
  };
  base::Duration at{};
  Kind kind = Kind::event;
  std::string model;  // empty: the gateway itself
  std::string what;   // an entry's kind, an act, a receiver
  std::string actor, reason;
  // Of an entry.
  base::BasisPoints before = 0, after = 0;
  std::uint32_t phase = 0;
  std::string status;         // afterwards
  std::string trigger, mode;  // where a rollback begins
  std::optional<analysis::Reading> reading;
  // Of a notice: the kind of the entry that it tells of, and that entry's reason.
  std::string decision, cause;
  /// Whether this is the entry that the notice tells of, at once.
  bool told_by(const Moment& notice) const;
};

/// How a model's rollout stood from this moment on.
struct Snapshot {
  base::Duration at{};
  base::BasisPoints weight = 0;
  std::string limited_by, status, reason;
  std::uint32_t phase = 0;
  bool latched = false;
  bool gateway_down = false;  // nobody answers: the weight is what it will be at least afterwards
  bool operator==(const Snapshot& other) const;  // but for the time
};

struct ModelStory {
  std::string model, stable, canary;  // as the configuration names them at the beginning
  std::vector<Snapshot> snapshots;    // at least one
  std::vector<std::pair<std::string, Totals>> versions;  // all that had requests, by name
  const Snapshot& at(base::Duration time) const;
};

struct Verdict {
  const config::Expectation* expectation = nullptr;
  bool met = false;
  std::string expected, instead;
};

struct Story {
  std::uint64_t seed = 0;
  base::Duration length{};   // simulated
  bool ended_early = false;  // nothing more could happen
  std::vector<ModelStory> models;
  std::vector<Moment> moments;  // in order
  std::vector<Verdict> verdicts;
  std::uint64_t missed = 0;   // requests while no gateway was there
  std::size_t receivers = 0;  // that the configuration names
  const ModelStory* find(const std::string& model) const;
};

/// "3d 12:00:00", and milliseconds where there are some: `at: 3d12h` of a scenario.
std::string time_text(base::Duration at);

/// "3d12h", as a scenario writes it.
std::string short_text(base::Duration at);

}  // namespace canary::rehearsal

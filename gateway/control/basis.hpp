// What an operator's command was decided on, as its sender saw it. Checked when the command is
// decided: at its arrival, and again after it waited for a raise before it. Plain data. Control
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "rollout/state.hpp"

namespace canary::control {

struct Basis {
  std::optional<std::uint32_t> phase;     // of the plan, from 1; 0: no plan
  std::optional<std::uint32_t> rollback;  // the last rollback's number; 0: none yet
  /// Whether the whole status is as the sender saw it; none: the sender did not say.
  std::function<bool()> status_is_same{};

  bool names_phase() const { return phase.has_value() || status_is_same; }
  bool is_stated() const { return names_phase() || rollback.has_value(); }
  /// What is no longer as it was seen, and what it is now; empty when everything is.
  std::string broken_by(const rollout::State& state) const;
};

}  // namespace canary::control

// How a command is answered. Plain data.
#pragma once

#include <functional>
#include <string>

#include "rollout/state.hpp"

namespace canary::control {

/// What a command came to. `status` is an HTTP status: 200, 404 (no such model, version), 409
/// (latched, nothing to do, overtaken by a later decision, its basis gone), 422 (a configuration
/// that is refused), 429 (too many that change nothing), 503 (a raise that could not be committed).
struct Outcome {
  int status = 200;
  std::string message;        // on failure: what was wrong and what to do; else what was decided
  rollout::Weight weight;     // after the command
  bool durable = true;        // false: in force, but not yet committed
  bool basis_broken = false;  // of a 409: what it was decided on has changed
};
/// Runs once, on the control thread, when the weight is in force on every worker; not at all when
/// the controller is stopped first.
using Done = std::function<void(Outcome)>;

}  // namespace canary::control

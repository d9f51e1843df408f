// `canary-gateway rehearse -c FILE --scenario FILE`: weeks of a rollout in seconds. Runs the real
// control plane on a simulated clock against the versions that the scenario describes, and tells
// what happened. Uses no network, and nothing of the configuration's state_dir.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "base/clock.hpp"

namespace canary::rehearsal {

inline constexpr int rehearse_met = 0;
inline constexpr int rehearse_not_met = 1;  // what was expected did not happen
inline constexpr int rehearse_invalid = 2;  // the configuration or the scenario is
inline constexpr int rehearse_failed = 3;   // no temporary directory, no room on its disk

struct RehearseOptions {
  std::string config_path, scenario_path;
  bool json = false;
  std::optional<std::uint64_t> seed;       // instead of the scenario's
  std::optional<base::Duration> duration;  // instead of the scenario's
};

/// The story goes to `out`, problems and, on a terminal, progress to `err`. `clock` is the real
/// one: for how long it took.
int run_rehearse(const RehearseOptions& options, const base::Clock& clock, bool terminal,
                 std::ostream& out, std::ostream& err);
/// The same, on the standard streams.
int run_rehearse(const RehearseOptions& options, const base::Clock& clock);

}  // namespace canary::rehearsal

// `canary-gateway run`: wires the rooms together, runs until it is told to stop, drains. The
// control thread is the one that calls it.
#pragma once

#include <filesystem>
#include <string>

#include "base/clock.hpp"

namespace canary::run {

struct RunOptions {
  std::string config_path;
  std::filesystem::path state_dir;  // empty: the file's; names it when the file cannot be read
  bool takeover = false;            // share the data ports with a gateway that still listens
  base::Duration drain = std::chrono::seconds(30);  // for requests in flight after SIGTERM
};

inline constexpr int run_stopped = 0;         // drained after SIGTERM or SIGINT
inline constexpr int run_failed = 1;          // a port, the state directory or its disk
inline constexpr int run_invalid_config = 2;  // and no accepted one to fall back to

/// Returns the process's exit status.
int run_gateway(const RunOptions& options);

}  // namespace canary::run

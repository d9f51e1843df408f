// The answer to a command about what no model of the configuration is called. Pure.
#pragma once

#include <string>

#include "config/config.hpp"
#include "control/command_result.hpp"

namespace canary::control {

/// 404, with the names that there are and the likely one.
Outcome no_such_model(const config::Config& config, const std::string& name);
Outcome no_such_canary(const config::Config& config, const std::string& name);

}  // namespace canary::control

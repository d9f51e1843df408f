// The configuration in force. Plain data; the adopter alone replaces it. Control thread.
#pragma once

#include <optional>
#include <string>

#include "config/config.hpp"
#include "control/gate.hpp"
#include "control/views.hpp"
#include "rollout/advance.hpp"

namespace canary::control {

/// The version beside the canary that the configuration names; empty when it does not name the
/// model.
std::string stable_of(const config::Config& config, const Key& key);

struct InForce {
  config::Config config;
  std::optional<std::string> text;  // its text; none while the file should be taken up again
  std::string adopted;              // its text, in any case
  ConfigView view;
  std::string status_url;  // what messages link to

  /// nullptr when it does not name the model.
  const config::Model* model(const std::string& name) const;
  /// What it says about the rollout; nothing when it does not name it.
  rollout::Rules rules(const Key& key) const;
};

}  // namespace canary::control

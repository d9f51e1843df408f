#include "control/in_force.hpp"

#include "control/rollouts.hpp"

namespace canary::control {

std::string stable_of(const config::Config& config, const Key& key) {
  for (const auto& model : config.models)
    if (model.name == key.first) return model.stable.name;
  return {};
}

const config::Model* InForce::model(const std::string& name) const {
  for (const auto& model : config.models)
    if (model.name == name) return &model;
  return nullptr;
}

rollout::Rules InForce::rules(const Key& key) const {
  const config::Model* found = model(key.first);
  if (found == nullptr || key_of(*found) != key) return {};
  return rollout::rules_of(*found);
}

}  // namespace canary::control

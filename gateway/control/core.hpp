// What the control plane's parts share, and the two steps that all of them take. Owned by
// Controller::Impl. Control thread.
#pragma once

#include <functional>

#include "control/control_thread.hpp"
#include "control/decision_log.hpp"
#include "control/endpoint_watch.hpp"
#include "control/gate.hpp"
#include "control/health_probes.hpp"
#include "control/in_force.hpp"
#include "control/ledger.hpp"
#include "control/measure.hpp"
#include "control/own_guard.hpp"
#include "control/parts.hpp"
#include "control/publisher.hpp"
#include "control/resolver.hpp"
#include "control/rollouts.hpp"

namespace canary::control {

struct Core {
  explicit Core(Parts parts);

  Parts parts;
  ControlThread thread;
  InForce in_force;
  Rollouts rollouts;
  Ledger ledger;
  DecisionLog log;
  Publisher publisher;
  Measure measure;
  Gate gate;
  Resolver resolver;
  OwnGuard own;
  HealthProbes probes;
  EndpointWatch endpoints;
  /// Told when a weight of 0 is in force, with the time since it was decided.
  std::function<void(const Key&, base::Duration)> on_zero_in_force;

  /// Publishes the configuration in force with the rollouts' present weights. `then` when every
  /// worker has the table.
  void publish(std::function<void()> then);
  /// Puts a decision into memory: the rollout's state, its term by the file, its version.
  void put(const Key& key, base::BasisPoints file, const rollout::Decision& decision);
};

}  // namespace canary::control

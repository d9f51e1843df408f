// What the control plane shows of itself, as plain data. Admin turns it into JSON and metrics.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/verdict.hpp"
#include "base/clock.hpp"
#include "config/config.hpp"
#include "rollout/state.hpp"

namespace canary::control {

struct ConfigView {
  std::uint64_t generation = 0;  // of the routing table's configuration; grows with each reload
  base::WallTime loaded_at{};
  std::string path;
  std::string last_error;  // of the last reload that was refused; empty after a good one
  std::string held;        // why a changed file is not taken up yet; empty: it is not held
  std::vector<std::string> warnings;
  bool last_reload_ok = true;
  bool fallback = false;  // running on the last accepted file, not on the present one
};

/// Where a rollout stands in its plan.
struct PhaseView {
  std::uint32_t number = 1;
  std::size_t count = 1;
  base::BasisPoints percentage = 0;
  base::Duration hold{};
  base::Duration judged{};  // of the hold
  base::Duration spent{};   // with the time in which there was not enough traffic to judge
};

enum class EndpointState : std::uint8_t {
  healthy,    // or not known to be otherwise
  unhealthy,  // by its probes
  ejected,    // by a worker at least, because it could not be connected to
  unresolved,  // a name without an address
  refused      // it is the gateway's own listener
};
std::string_view name(EndpointState state);

/// One address of a version.
struct EndpointView {
  std::string url;      // as the file has it
  std::string address;  // empty: unresolved
  EndpointState state = EndpointState::healthy;
  std::string reason;  // why it is not healthy
};

struct ModelView {
  std::string model, stable;
  std::optional<std::string> canary;
  std::vector<EndpointView> stable_endpoints, canary_endpoints;
  rollout::Weight weight;
  rollout::State rollout;
  std::optional<PhaseView> phase;  // none without a plan
  config::RollbackPolicy policy;
  std::optional<base::Duration> in_force_after;  // how long the last weight of 0 took
  std::vector<analysis::Reading> criteria;
  bool durable = true;       // the last decision is committed
  std::string last_refusal;  // why the last raise was refused; empty after a later change
};

/// The latch file and its slots.
struct LatchView {
  std::size_t slots = 0;
  std::size_t needed = 0;  // of versions that the file names, or that are latched or held down
  std::size_t latched = 0;
  bool few = false;           // less than a fifth is left
  std::uint64_t damages = 0;  // found while running
  std::string last_damage;
  std::string fault;  // why what is latched is not in the file now; empty: it is
};

/// A version that is latched, whether the file names it or not.
struct LatchedView {
  std::string model, canary, reason;
  base::WallTime since{};
  std::uint32_t attempt = 1, rollbacks = 0;
  bool named = false;  // by the file in force
};

struct StatusView {
  ConfigView config;
  LatchView latch;
  std::vector<ModelView> models;
  std::uint64_t table_generation = 0;  // last published
  std::uint64_t in_force_generation = 0;
  bool ready = false;  // table in force on all workers, listeners open
  bool draining = false;
  bool state_durable = true;
};

/// How often something was rolled back or refused since the start, for /metrics.
struct RollbackCount {
  std::string model, trigger, mode;
  std::uint64_t count = 0;
};
/// One endpoint of the file, all its addresses together.
struct EndpointCount {
  std::string model, version, url;
  std::uint64_t ejections = 0;  // by each worker
  std::uint64_t probes_succeeded = 0, probes_failed = 0;
  bool probed = false;
};
struct RefusalCount {
  std::string model;
  std::uint64_t count = 0;
};

}  // namespace canary::control

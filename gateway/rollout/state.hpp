// What is remembered of one rollout: (model, canary version). Plain data; store keeps it, advance()
// changes it, the status shows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/units.hpp"

namespace canary::rollout {

using base::BasisPoints;
using base::full_weight;

enum class Status : std::uint8_t {
  idle,
  running,
  paused,
  gate,
  held,
  rolling_back,
  rolled_back,
  complete
};
std::string_view name(Status status);
std::optional<Status> parse_status(std::string_view text);

/// How far it is proved that a weight of 0 means that nothing reaches the canary (rollout/proof).
enum class ProofStep : std::uint8_t {
  none,        // nothing to prove, or proved and watched
  publishing,  // until every worker has the table
  draining,    // until the canary's requests in flight have ended, or were closed
  asking,      // until our own model-version, asked over the wire, names stable alone
  watching     // stable, for the rest of rollback.watch
};
std::string_view name(ProofStep step);
std::optional<ProofStep> parse_proof_step(std::string_view text);

struct State {
  std::string model, canary;
  std::optional<BasisPoints> flag;        // the operator's hand; absent = 100%
  BasisPoints cap = full_weight;          // what the evidence allows
  bool latched = false;                   // rolled back; opens by resume or a higher attempt
  std::uint32_t attempt = 1;              // the highest attempt seen in the file
  std::uint32_t phase = 0;                // of the plan, from 1; 0: no plan
  BasisPoints phase_limit = full_weight;  // what the phase allows; full without a plan
  // The hold clock: time in which the weight was the phase's own and there was enough traffic to
  // judge; `spent` counts the time without enough traffic too.
  base::Duration judged{}, spent{};
  bool paused = false;    // by a person: no phase ends; triggers still fire
  bool promoted = false;  // it completed, and is stable since
  // The present or last rollback. The count grows by one with each, for ever: it names them.
  std::uint32_t rollbacks = 0;
  std::string trigger;          // what began it: a criterion, operator, critical_bug, flag, ...
  double error_rate_then = 0;   // the canary's, as a ratio, when a gradual one began
  base::Duration rung_spent{};  // on the ladder's present rung, in force
  bool rung_waits = false;      // its time has passed, but stable cannot take the load
  ProofStep proof = ProofStep::none;
  base::Duration watched{};
  bool watch_failing = false;  // stable was failing at the watch's last look
  // After the plan's end: time at its last percentage, and how many reminders it has brought.
  base::Duration stable_for{};
  std::uint32_t reminded = 0;
  Status status = Status::idle;
  std::string reason;  // why the status is what it is, with numbers
  base::WallTime since{};
  bool operator==(const State&) const = default;
};

/// On its way down the ladder of a gradual rollback.
inline bool on_ladder(const State& state) { return !state.latched && state.cap < full_weight; }

/// The four terms and their minimum. All in basis points.
struct Weight {
  enum class Limit : std::uint8_t { file, flag, phase, cap };
  BasisPoints file = 0, flag = full_weight, phase = full_weight, cap = full_weight;
  BasisPoints effective = 0;
  Limit limited_by = Limit::file;
};
std::string_view name(Weight::Limit limit);

/// effective = min(file, flag, phase, cap). Of equal terms the most binding decision is named:
/// cap, then flag, then phase, then file; a term at 100% limits nothing, so file is named when all
/// are. `phase` is full without a plan. A latched state weighs 0 whatever its cap says.
Weight weigh(BasisPoints file, const State& state);

}  // namespace canary::rollout

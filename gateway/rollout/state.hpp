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
  Status status = Status::idle;
  std::string reason;  // why the status is what it is, with numbers
  base::WallTime since{};
  bool operator==(const State&) const = default;
};

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

// The figures of rollouts as the journal keeps them, for the report at the end of a plan of weeks.
// On the thread that has the database at the moment.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "store/sqlite.hpp"

namespace canary::store {

/// What one version did in one phase of one attempt; the sums since the phase began.
struct FigureRow {
  std::string model, canary;  // the rollout; `canary` is empty for a model without one
  std::uint32_t attempt = 0, phase = 0;
  std::string version;
  std::uint64_t requests = 0, errors = 0;
  std::string outcomes;  // control/figures reads and writes these two
  std::string latency;
  base::Duration served{};  // how long the gateway was there in that phase
  base::WallTime first{}, last{};
};

/// The table keeps this many rows, the latest.
inline constexpr std::size_t figure_capacity = 1000;

base::Result<std::vector<FigureRow>> read_figures(Database& database);
/// Replaces the rows of the same version and phase, all in one transaction.
base::Result<void> write_figures(Database& database, const std::vector<FigureRow>& rows);

}  // namespace canary::store

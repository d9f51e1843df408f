// From counters to readings: one window per version of each model that has a canary, sampled at
// each tick, judged by analysis. A failure that stable shares over the same window, as bad or
// nearly, is not the canary's: it is inconclusive, and says so. Control thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "analysis/quality.hpp"
#include "analysis/verdict.hpp"
#include "base/clock.hpp"
#include "control/warm_up.hpp"
#include "stats/window.hpp"
#include "traffic/routing_table.hpp"

namespace canary::control {

/// Since when the canary has failed a criterion and stable has not, by the criterion's name.
using Doubts = std::map<std::string, base::MonoTime>;

class Measure {
 public:
  using QualitySource =
      std::function<std::optional<analysis::QualityEvidence>(const std::string& model)>;
  explicit Measure(QualitySource quality = {}) : quality_(std::move(quality)) {}

  /// Begins the windows of every canary in this table, where there are none yet, and the warm-up of
  /// those that have weight for the first time since they had none.
  void follow(const traffic::RoutingTable& table, base::MonoTime now);
  /// Samples the windows and judges every model whose canary has weight in this table; of the
  /// others stable alone.
  void tick(const traffic::RoutingTable& table, base::MonoTime now);
  /// Evidence about the model begins now. `keep_readings`: those before stay to be shown, because
  /// nothing is judged from now on and they say why.
  void restart(const std::string& model, base::MonoTime now, bool keep_readings);
  /// The readings of the last tick that judged the model; inconclusive ones before the first.
  std::vector<analysis::Reading> criteria(const config::Model& model) const;
  /// Stable's own readings at the last tick, against the same limits.
  std::vector<analysis::Reading> stable(const config::Model& model) const;
  /// Whether the canary is still warming up: its time counts for nothing.
  bool warming_up(const config::Model& model) const;
  /// When the canary last failed a request.
  base::MonoTime last_failure(const config::Model& model) const;

 private:
  struct Side {
    Side(std::shared_ptr<stats::VersionStats> version, base::Duration length, base::MonoTime now);
    std::shared_ptr<stats::VersionStats> version;
    stats::Window window;
  };
  struct Pair {
    base::Duration length{};
    std::optional<Side> stable, canary;
    WarmUp warm_up;  // the canary's
    std::vector<analysis::Reading> readings, stable_readings;
    Doubts doubts;
    // Stable's quality when it last had traffic enough: at 100% it has none.
    std::optional<analysis::QualityEvidence> reference;
  };
  using Quality = std::optional<analysis::QualityEvidence>;
  Quality quality_of(const traffic::Model& model, Pair& pair) const;
  Pair& pair_for(const traffic::Model& model, base::MonoTime now);

  QualitySource quality_;
  std::map<std::string, Pair> pairs_;
};

}  // namespace canary::control

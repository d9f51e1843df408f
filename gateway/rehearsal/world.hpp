// The world outside the gateway while a plan is rehearsed: how many requests come to each model,
// and how its versions behave, as the scenario has it at this moment. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/scenario.hpp"
#include "stats/outcome.hpp"

namespace canary::rehearsal {

/// A version's behaviour with nothing left open.
struct Conduct {
  double error_rate = 0;
  stats::Outcome error_outcome = stats::Outcome::server_error;
  std::vector<config::Quantile> latency;
  double capacity = 0;
  bool down = false;
  std::optional<double> quality_error;
  std::optional<double> quality_spread;
  double labels = 1;
  std::optional<double> labels_per_second;
  std::uint64_t edition = 0;  // another one: the latency is another
};

struct ModelWorld {
  double requests_per_second = 0;
  Conduct stable, canary;
};

class World {
 public:
  World(const config::Scenario& scenario, const config::Config& config);

  const ModelWorld* find(const std::string& model) const;
  const std::map<std::string, ModelWorld>& models() const { return models_; }
  /// The change begins now; its numbers are where they shall be `over` later.
  void apply(const config::Event& event, base::Duration now);
  /// Moves what is on its way.
  void advance(base::Duration now);

 private:
  struct Ramp {
    std::string model;
    config::Conditions target;
    ModelWorld from;
    base::Duration begin{}, over{};
    int stage = 0;
  };
  void move(Ramp& ramp, double share);

  std::map<std::string, ModelWorld> models_;
  std::vector<Ramp> ramps_;
  std::uint64_t editions_ = 0;
};

/// What the words of a scenario mean; a test holds them to stats.
std::optional<stats::Outcome> outcome_of(const std::string& word);

/// "requests per second 50; canary: error rate 3%, down": what a change says.
std::string describe(const config::Conditions& change);

}  // namespace canary::rehearsal

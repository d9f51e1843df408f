// What each version did in each phase of a rollout, summed up for the report: requests, errors,
// outcomes, latency, time. The workers' counters live as long as the process; the sums are kept by
// the journal, with each checkpoint, at each change of phase and at the stop, so that the report of
// a plan of weeks has all of them. Control thread.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "config/config.hpp"
#include "control/rollouts.hpp"
#include "stats/registry.hpp"
#include "stats/window.hpp"
#include "store/figure_table.hpp"

namespace canary::control {

/// The sums of one version in one phase of one attempt.
struct Figure {
  std::string model, canary;
  std::uint32_t attempt = 0, phase = 0;
  std::string version;
  stats::Evidence seen;     // requests and errors that are evidence, outcomes, latency of `ok`
  base::Duration served{};  // how long the gateway was there in that phase
  base::WallTime first{}, last{};
};

class Figures {
 public:
  Figures(const base::Clock& clock, const stats::Registry& registry,
          const std::vector<store::FigureRow>& remembered);

  /// Adds what has been counted since the last look to the phase that was in place until now. To be
  /// called whenever a phase, an attempt or a version has changed, and now and then.
  void look(const config::Config& config, const Rollouts& rollouts);

  /// The sums that are not written yet. Those in which only time has passed wait for a while,
  /// unless `all` are asked for.
  std::vector<store::FigureRow> take_unsaved(bool all);
  /// They could not be written: they are taken again.
  void put_back(const std::vector<store::FigureRow>& rows);

  /// Of the model's rollout of this canary, by attempt, phase and version.
  std::vector<Figure> of(const std::string& model, const std::string& canary) const;

 private:
  // model, canary, attempt, phase, version
  using Id = std::tuple<std::string, std::string, std::uint32_t, std::uint32_t, std::string>;
  struct Sum {
    Figure figure;
    bool news = false;         // something was counted since it was written
    base::Duration written{};  // `served` as it was written
  };
  struct Place {
    std::string canary;
    std::uint32_t attempt = 0, phase = 0;
    std::vector<std::string> versions;
    base::MonoTime since{};
  };
  struct Counted {
    std::shared_ptr<stats::LatencyCells> epoch;
    stats::Evidence until;
  };

  static Place place_of(const config::Model& model, const Rollouts& rollouts);
  static Id id_of(const Figure& figure);
  void charge(const std::string& model, const Place& place);
  stats::Evidence news_of(const stats::VersionStats& version);
  void forget_oldest();

  const base::Clock& clock_;
  const stats::Registry& registry_;
  std::map<Id, Sum> sums_;
  std::map<std::string, Place> places_;                             // by model
  std::map<std::pair<std::string, std::string>, Counted> counted_;  // by model and version
};

}  // namespace canary::control

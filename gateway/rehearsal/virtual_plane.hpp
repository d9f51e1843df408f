// The data plane of a rehearsal: no socket and no thread. In each step it draws how many requests
// come, which version each gets by the table in force, and how they end, and records them in the
// same cells as a worker does. What has not ended by the step's end is in flight.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "analysis/quality.hpp"
#include "rehearsal/labels.hpp"
#include "rehearsal/latencies.hpp"
#include "rehearsal/world.hpp"
#include "traffic/data_plane.hpp"

namespace canary::rehearsal {

/// Of one version, over all of the rehearsal.
struct Totals {
  std::uint64_t requests = 0, errors = 0;
  std::uint64_t failovers = 0;  // of the errors: answered by stable
};

class VirtualPlane final : public traffic::DataPlane {
 public:
  VirtualPlane(const World& world, base::Random& random) : world_(world), random_(random) {}

  void publish(std::shared_ptr<const traffic::RoutingTable> table,
               std::function<void()> on_applied) override;
  void end_requests(const std::string& model, const std::string& version) override;
  void announce(std::shared_ptr<const traffic::VersionAnswers> answers) override;

  /// The tables that were published come into force. False: there were none.
  bool apply();
  /// What the data listeners would answer; nullptr before the first table.
  const traffic::VersionAnswers* answers() const { return answers_.get(); }
  const traffic::RoutingTable* table() const { return table_.get(); }

  /// The requests of [end - length, end).
  void step(base::MonoTime end, base::Duration length);
  /// The same while no gateway is there: nobody answers.
  void miss(base::Duration length);
  /// The process is gone, and every request in flight with it.
  void reset();

  /// Keyed by model and version.
  const std::map<std::pair<std::string, std::string>, Totals>& totals() const { return totals_; }
  std::uint64_t missed() const { return missed_; }
  std::optional<analysis::QualityEvidence> quality(const std::string& model) const;

 private:
  struct Group {  // requests of one version that came together and end together
    std::shared_ptr<stats::VersionStats> stats;
    std::string model, version;
    stats::Observation observation;
    std::uint64_t count = 0;
    base::Duration lasts{};
    base::MonoTime begun{};
  };
  struct Side {  // what is kept of a version between the steps
    std::unique_ptr<Latencies> latencies;
    std::uint64_t edition = 0;
    std::shared_ptr<const stats::LatencyCells> epoch;
    double tokens = 0;  // of its capacity
    LabelWindow labels;
  };

  void serve(const traffic::Model& model, const traffic::Version& version, const Conduct& conduct,
             std::uint64_t count);
  std::uint64_t beyond_capacity(Side& side, const Conduct& conduct, std::uint64_t count) const;
  void add(const traffic::Model& model, const traffic::Version& version, stats::Outcome outcome,
           base::Duration lasts, std::uint64_t count);
  void end(Group& group);
  /// A request that still waits counts as slow when its age passes a bound.
  void look_at_age(Group& group);
  Side& side_of(const traffic::Model& model, const traffic::Version& version,
                const Conduct& conduct);

  const World& world_;
  base::Random& random_;
  std::shared_ptr<const traffic::RoutingTable> table_;
  std::shared_ptr<const traffic::VersionAnswers> answers_;
  std::vector<std::pair<std::shared_ptr<const traffic::RoutingTable>, std::function<void()>>>
      published_;
  std::map<std::pair<std::string, std::string>, Side> sides_;
  std::vector<Group> in_flight_;
  std::vector<LatencyGroup> drawn_;
  base::MonoTime now_{};
  base::Duration length_{};
  std::map<std::pair<std::string, std::string>, Totals> totals_;
  std::uint64_t missed_ = 0;
};

}  // namespace canary::rehearsal

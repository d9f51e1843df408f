// The only place that hands tables to the data plane. Counts them, knows which is in force, and
// keeps what /internal/model-version answers. Control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "traffic/build_table.hpp"
#include "traffic/data_plane.hpp"

namespace canary::control {

class Publisher {
 public:
  Publisher(const base::Clock& clock, traffic::DataPlane& data_plane, stats::Registry& registry)
      : clock_(clock), data_plane_(data_plane), registry_(registry) {}

  /// Builds and publishes. `in_force` runs when this table, or a later one, is in force.
  void publish(const config::Config& config,
               const std::map<std::string, base::BasisPoints>& weights,
               const traffic::Lookup& lookup, std::function<void()> in_force);
  /// Runs `then` when the last published table is in force; at once when it is already.
  void when_in_force(std::function<void()> then);

  /// Tells nobody any more.
  void stop() { alive_.reset(); }

  std::uint64_t published() const { return published_; }
  bool settled() const { return in_force_ == published_; }
  std::uint64_t in_force() const { return in_force_; }
  const std::shared_ptr<const traffic::RoutingTable>& table() const { return table_; }
  const std::shared_ptr<const traffic::VersionAnswers>& answers() const { return answers_; }

 private:
  void mark(const traffic::RoutingTable* before) const;
  void applied(const traffic::RoutingTable& table);

  const base::Clock& clock_;
  traffic::DataPlane& data_plane_;
  stats::Registry& registry_;
  traffic::EndpointRegistry endpoints_;
  std::uint64_t published_ = 0, in_force_ = 0;
  std::shared_ptr<const traffic::RoutingTable> table_;
  std::shared_ptr<const traffic::VersionAnswers> answers_;
  std::vector<std::pair<std::uint64_t, std::function<void()>>> waiting_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace canary::control

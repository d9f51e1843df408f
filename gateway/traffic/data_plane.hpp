// The bridge from the control plane down to whoever moves the requests: the worker pool, or a
// rehearsal. What is observed comes up through stats::Registry.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "traffic/model_version.hpp"
#include "traffic/routing_table.hpp"

namespace canary::traffic {

class DataPlane {
 public:
  virtual ~DataPlane() = default;

  /// Hands a table to every worker and returns at once. `on_applied` runs on the control thread
  /// when the table, or a later one, is in force: every worker has installed it, so no request
  /// that was picked by an older table has yet to send its head.
  virtual void publish(std::shared_ptr<const RoutingTable> table,
                       std::function<void()> on_applied) = 0;

  /// Ends every request that is in flight to this version, streams and tunnels too: the drain time
  /// of a rollback has passed. Their outcome is the gateway's, not the version's.
  virtual void end_requests(const std::string& model, const std::string& version) = 0;

  /// What the data listener answers for /internal/model-version from now on.
  virtual void announce(std::shared_ptr<const VersionAnswers> answers) = 0;
};

}  // namespace canary::traffic

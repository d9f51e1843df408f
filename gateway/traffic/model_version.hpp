// The one renderer of /internal/model-version. Control calls it when the last worker has a table in
// force and hands the bytes to the workers; the admin listener answers with the same bytes.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "traffic/routing_table.hpp"

namespace canary::traffic {

/// Rendered answers for one table that is in force on every worker.
struct VersionAnswers {
  std::uint64_t generation = 0;
  std::string all;  // one model: its answer; several: {"models":[...]}
  std::map<std::string, std::string, std::less<>> by_model;

  /// The body for /internal/model-version, ?model=NAME or /internal/model-version/NAME;
  /// nullptr for a model that is not configured. `model` empty: all.
  const std::string* find(std::string_view model) const;
};

/// `{"model":"m_v1"}` exactly when one version has all the traffic; while split,
/// `{"model":"m_v1","canary":{"model":"m_v2","rollout_percentage":10}}`.
std::shared_ptr<const VersionAnswers> render_model_version(const RoutingTable& table);

}  // namespace canary::traffic

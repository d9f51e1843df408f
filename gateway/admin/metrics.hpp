// The page at /metrics, in Prometheus' text format; the only place that sees prometheus-cpp. Every
// name, its labels and its meaning: docs/metrics.md. Labels come from the configuration only.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "admin/backend.hpp"

namespace canary::admin {

class MetricsPage {
 public:
  /// Reads everything anew. Control thread.
  std::string render(const Backend& backend);

 private:
  /// (model, version) -> role. A version that left the configuration keeps its last role, so that
  /// its counters stay the same series; "retired" when it was never seen in one.
  std::map<std::pair<std::string, std::string>, std::string> roles_;
};

}  // namespace canary::admin

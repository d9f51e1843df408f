// The report of a rollout for its model card: what was measured, what was decided, what is left to
// do. Pure.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/views.hpp"
#include "stats/cells.hpp"
#include "store/journal.hpp"

namespace canary::admin {

/// What was observed of one version since the gateway's start. Latencies in seconds, of `ok`
/// responses; rates as ratios.
struct VersionFigures {
  std::string version, role;
  std::uint64_t requests = 0, errors = 0;  // those that say something about the version
  double error_rate = 0, p50 = 0, p95 = 0, p99 = 0;
};
VersionFigures figures_of(const stats::VersionStats& version, std::string role);

/// `rows`: the model's history, newest first.
struct Report {
  control::ModelView model;
  std::vector<VersionFigures> versions;
  std::vector<store::HistoryRow> rows;
};
/// A block of Markdown, with the lessons learned left to fill in.
std::string report_markdown(const Report& report);
/// {"model","stable","canary","status","versions":[...],"markdown"}
std::string report_json(const Report& report);

}  // namespace canary::admin

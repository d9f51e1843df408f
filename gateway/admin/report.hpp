// The report of a rollout for its model card: what was measured, what was decided, what is left to
// do. Pure.
#pragma once

#include <string>
#include <vector>

#include "admin/report_figures.hpp"
#include "control/views.hpp"
#include "store/journal.hpp"

namespace canary::admin {

/// `rows`: the model's history, newest first.
struct Report {
  control::ModelView model;
  RolloutFigures figures;
  std::vector<store::HistoryRow> rows;
};
/// A block of Markdown, with the lessons learned left to fill in.
std::string report_markdown(const Report& report);
/// {"model","stable","canary","status","versions":[...],"phases":[...],"markdown"}
std::string report_json(const Report& report);

}  // namespace canary::admin

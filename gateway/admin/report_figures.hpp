// The figures of a rollout's report: of each version, and of each phase. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "admin/json_writer.hpp"
#include "control/figures.hpp"
#include "control/views.hpp"

namespace canary::admin {

/// What was observed of one version, over a phase or over all phases of an attempt. Latencies in
/// seconds, of `ok` responses; rates as ratios.
struct VersionFigures {
  std::string version, role;
  std::uint64_t requests = 0, errors = 0;  // those that say something about the version
  double error_rate = 0, p50 = 0, p95 = 0, p99 = 0;
  std::vector<std::pair<std::string, std::uint64_t>> outcomes;  // of all requests; only what was
  double seconds = 0;                                           // that the gateway was there
};

struct PhaseFigures {
  std::uint32_t attempt = 0, phase = 0;  // phase 0: without a plan
  base::WallTime first{}, last{};
  VersionFigures version;
};

struct RolloutFigures {
  std::vector<VersionFigures> versions;  // stable, canary: all phases of the present attempt
  std::vector<PhaseFigures> phases;      // of all attempts, in their order; stable first
};

RolloutFigures figures_of(const control::ModelView& model,
                          const std::vector<control::Figure>& figures);

/// Fields of an open JSON object.
void write_figures(JsonWriter& out, const VersionFigures& version);
/// Two tables and a list, in Markdown.
std::string figures_markdown(const RolloutFigures& figures);

}  // namespace canary::admin

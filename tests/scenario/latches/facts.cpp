#include "scenario/latches/facts.hpp"

#include <utility>

#include "base/units.hpp"

namespace canary::scenario {

std::string File::text(const std::string& state_dir) const {
  std::string out =
      "data: { listen: \"127.0.0.1:18080\" }\nstate_dir: " + state_dir + "\nmodels:\n";
  for (int m = 0; m < model_names; ++m) {
    const ModelLine& line = model[m];
    if (!line.present) continue;
    const std::string name = model_text(m);
    out += "  " + name + ":\n    match: [{ path_prefix: /" + name +
           " }]\n    stable: { version: " + name +
           "_v1, endpoints: [\"http://127.0.0.1:9001\"] }\n";
    if (line.canary >= 0)
      out += "    canary: { version: " + version_text(line.canary) +
             ", endpoints: [\"http://127.0.0.1:9002\"], rollout_percentage: " +
             base::format_percent(static_cast<base::BasisPoints>(line.weight)) + " }\n";
    out += "    attempt: " + std::to_string(line.attempt) +
           "\n    judge: { method: threshold, window: 1m, min_samples: 20 }\n"
           "    rollback: { ladder: [30, 5, 0], rung_hold: 1m }\n";
    if (line.plan)
      out += "    plan: { phases: [{ percentage: 5, hold: 1m }, { percentage: 40, hold: 1m }] }\n";
  }
  return out;
}

void Facts::about_to_adopt(const File& next) {
  for (int m = 0; m < model_names; ++m) {
    const ModelLine& line = next.model[m];
    if (!line.present || line.canary < 0) continue;
    Version& named = version[line.canary];
    if (may_open(line.canary, m, line.attempt)) named.closed = false;
    if (!next.same_of(line.canary, in_force)) named.pending = true;
    if (named.pending) named.limit = full;
  }
}

void Facts::adopted(const File& next, bool all) {
  for (int v = 0; v < versions; ++v) {
    version[v].pending = version[v].pending && !all;
    if (const int m = next.model_of(v); m >= 0) version[v].home = m;
  }
  for (int m = 0; m < model_names; ++m) {
    const ModelLine& line = next.model[m];
    if (!line.present) continue;
    if (line.canary >= 0 && version[line.canary].pending) continue;
    int highest = std::max(seen[m], line.attempt);
    if (line.canary >= 0) highest = std::max(highest, version[line.canary].seen);
    seen[m] = highest;
    for (Version& each : version)
      if (each.home == m) each.seen = std::max(each.seen, highest);
  }
  in_force = next;
}

void Facts::latch_file_aged() {
  for (Version& each : version) {
    if (!each.recorded) each.closed = false;
    each.told = true;
    each.seen = 0;
    each.limit = full;
  }
  for (int& each : seen) each = 0;
}

void Facts::about_to_start() {
  if (std::exchange(latch_file_lost, false)) {
    for (int v = 0; v < versions; ++v) {
      if (file.model_of(v) >= 0) continue;
      if (!version[v].recorded) version[v].closed = false;
      version[v].told = true;
      version[v].seen = 0;
    }
    for (int& each : seen) each = 0;
  }
  // Of a model without a version nothing is remembered over a start.
  for (int m = 0; m < model_names; ++m)
    if (std::none_of(std::begin(version), std::end(version),
                     [m](const Version& each) { return each.home == m; }))
      seen[m] = 0;
  orderly = false;
  starting = true;
}

void Facts::all_lost() {
  for (Version& each : version) {
    each = Version{.home = each.home, .must_latch = true};
  }
  for (int& each : seen) each = 0;
  orderly = starting = latch_file_lost = false;
}

void Facts::other_file_after_killed_start(const File& next) {
  for (int v = 0; v < versions; ++v)
    if (!next.same_of(v, file)) version[v].must_latch = false;
}

}  // namespace canary::scenario

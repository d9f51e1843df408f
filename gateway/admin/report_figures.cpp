#include "admin/report_figures.hpp"

#include <algorithm>
#include <tuple>

#include "base/units.hpp"

namespace canary::admin {
namespace {

double seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string role_of(const control::ModelView& model, const std::string& version) {
  if (version == model.stable) return "stable";
  return version == model.canary ? "canary" : "former";
}

VersionFigures summed(std::string version, std::string role, const stats::Evidence& seen,
                      base::Duration served) {
  VersionFigures out;
  out.version = std::move(version);
  out.role = std::move(role);
  out.requests = seen.requests;
  out.errors = seen.errors;
  if (seen.requests > 0)
    out.error_rate = static_cast<double>(seen.errors) / static_cast<double>(seen.requests);
  out.p50 = seconds(seen.latency.quantile(0.5));
  out.p95 = seconds(seen.latency.quantile(0.95));
  out.p99 = seconds(seen.latency.quantile(0.99));
  for (std::size_t i = 0; i < stats::outcome_count; ++i)
    if (seen.by_outcome[i] > 0)
      out.outcomes.emplace_back(name(static_cast<stats::Outcome>(i)), seen.by_outcome[i]);
  out.seconds = seconds(served);
  return out;
}

std::string latency_text(const VersionFigures& version, double value) {
  if (version.requests == version.errors || value <= 0) return "-";
  return value < 1 ? base::format_number(value * 1000, 3) + " ms"
                   : base::format_number(value, 3) + " s";
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds);
  if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  if (whole < 86400)
    return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
  return std::to_string(whole / 86400) + " d " + std::to_string(whole % 86400 / 3600) + " h";
}

std::string cells(const VersionFigures& version) {
  return version.version + " | " + version.role + " | " + std::to_string(version.requests) + " | " +
         std::to_string(version.errors) + " | " + base::format_number(version.error_rate * 100, 3) +
         "% | " + latency_text(version, version.p50) + " | " + latency_text(version, version.p95) +
         " | " + latency_text(version, version.p99) + " |";
}

std::string outcomes_list(const std::vector<VersionFigures>& versions) {
  std::string out;
  for (const auto& version : versions) {
    std::string line;
    for (const auto& [outcome, count] : version.outcomes)
      line += (line.empty() ? "" : ", ") + outcome + " " + std::to_string(count);
    out += "- " + version.version + ": " + (line.empty() ? "no requests" : line) + "\n";
  }
  return out;
}

}  // namespace

RolloutFigures figures_of(const control::ModelView& model,
                          const std::vector<control::Figure>& figures) {
  RolloutFigures out;
  const auto total = [&](const std::string& version, const char* role) {
    stats::Evidence seen;
    base::Duration served{};
    for (const auto& figure : figures) {
      if (figure.version != version || figure.attempt != model.rollout.attempt) continue;
      seen.add(figure.seen);
      served += figure.served;
    }
    out.versions.push_back(summed(version, role, seen, served));
  };
  total(model.stable, "stable");
  if (model.canary) total(*model.canary, "canary");
  for (const auto& figure : figures)
    out.phases.push_back(
        {figure.attempt, figure.phase, figure.first, figure.last,
         summed(figure.version, role_of(model, figure.version), figure.seen, figure.served)});
  std::stable_sort(out.phases.begin(), out.phases.end(), [](const auto& a, const auto& b) {
    const auto order = [](const PhaseFigures& of) {
      return std::make_tuple(of.attempt, of.phase, of.version.role == "canary");
    };
    return order(a) < order(b);
  });
  return out;
}

void write_figures(JsonWriter& out, const VersionFigures& version) {
  out.field("version", version.version).field("role", version.role);
  out.field("requests", version.requests).field("errors", version.errors);
  out.field("error_rate", version.error_rate).field("p50_seconds", version.p50);
  out.field("p95_seconds", version.p95).field("p99_seconds", version.p99);
  out.key("outcomes").object([&] {
    for (const auto& [outcome, count] : version.outcomes) out.field(outcome, count);
  });
  out.field("seconds", version.seconds);
}

std::string figures_markdown(const RolloutFigures& figures) {
  std::string out =
      "| version | role | requests | errors | error rate | p50 | p95 | p99 |\n"
      "|---|---|---|---|---|---|---|---|\n";
  for (const auto& version : figures.versions) out += "| " + cells(version) + "\n";
  out +=
      "\nOf this attempt, over all its phases and restarts of the gateway; latency of successful "
      "responses.\n\n### Phases\n"
      "| attempt | phase | version | role | requests | errors | error rate | p50 | p95 | p99 | "
      "from "
      "| served for |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n";
  for (const auto& [attempt, phase, first, last, version] : figures.phases)
    out += "| " + std::to_string(attempt) + " | " + (phase == 0 ? "-" : std::to_string(phase)) +
           " | " + cells(version) + " " + base::format_time(first) + " | " +
           duration_text(version.seconds) + " |\n";
  return out + "\n### Outcomes of all requests\n" + outcomes_list(figures.versions);
}

}  // namespace canary::admin

#include "admin/report.hpp"

#include <algorithm>

#include "admin/json_writer.hpp"
#include "base/clock.hpp"
#include "base/units.hpp"
#include "stats/window.hpp"

namespace canary::admin {
namespace {

double seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string latency_text(const VersionFigures& version, double value) {
  if (version.requests == version.errors) return "-";
  return value < 1 ? base::format_number(value * 1000, 3) + " ms"
                   : base::format_number(value, 3) + " s";
}

/// Text of operators and of the judge, safe in a cell.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string weight_text(base::BasisPoints weight) { return base::format_percent(weight) + "%"; }

std::string figures_table(const Report& report) {
  std::string out =
      "| version | role | requests | errors | error rate | p50 | p95 | p99 |\n"
      "|---|---|---|---|---|---|---|---|\n";
  for (const auto& version : report.versions)
    out += "| " + version.version + " | " + version.role + " | " +
           std::to_string(version.requests) + " | " + std::to_string(version.errors) + " | " +
           base::format_number(version.error_rate * 100, 3) + "% | " +
           latency_text(version, version.p50) + " | " + latency_text(version, version.p95) + " | " +
           latency_text(version, version.p99) + " |\n";
  return out + "\nSince the gateway's start; latency of successful responses.\n";
}

std::string criteria_list(const Report& report) {
  std::string out;
  for (const auto& reading : report.model.criteria)
    out += "- " + reading.criterion + ": " + std::string(name(reading.verdict)) + ", " +
           cell(reading.reason) + "\n";
  return out;
}

std::string decisions_table(const Report& report) {
  std::string out = "| time | decision | weight | who | why |\n|---|---|---|---|---|\n";
  for (auto row = report.rows.rbegin(); row != report.rows.rend(); ++row)
    out += "| " + base::format_time(row->time) + " | " + row->entry.kind + " | " +
           weight_text(row->entry.before) + " -> " + weight_text(row->entry.after) + " | " +
           cell(row->entry.actor) + " | " + cell(row->entry.reason) + " |\n";
  return out;
}

constexpr const char* lessons = R"(
## Lessons learned, to fill in
- [ ] What did we expect of this version, and what came?
- [ ] Which criterion decided, and was its limit right?
- [ ] What did users notice, and did we hear of it before the numbers said so?
- [ ] What would have told us earlier?
- [ ] What do we change in the plan, the limits or the model before the next one?
)";

std::string left_to_do(const Report& report) {
  const bool done = report.model.rollout.status == rollout::Status::complete;
  const std::string last = done ? report.model.stable : report.model.canary.value_or("");
  return "\n## Left to do\n"
         "- [ ] Document the lessons learned\n"
         "- [ ] Update the model card with the figures above\n"
         "- [ ] Remove " +
         last + (done ? " after 30 days of stability" : ", or fix it and raise `attempt`") +
         "\n- [ ] Archive its artifacts\n";
}

}  // namespace

VersionFigures figures_of(const stats::VersionStats& version, std::string role) {
  const stats::Evidence evidence = stats::sample(version);
  VersionFigures figures;
  figures.version = version.version;
  figures.role = std::move(role);
  figures.requests = evidence.requests;
  figures.errors = evidence.errors;
  if (figures.requests > 0)
    figures.error_rate =
        static_cast<double>(figures.errors) / static_cast<double>(figures.requests);
  figures.p50 = seconds(evidence.latency.quantile(0.5));
  figures.p95 = seconds(evidence.latency.quantile(0.95));
  figures.p99 = seconds(evidence.latency.quantile(0.99));
  return figures;
}

std::string report_markdown(const Report& report) {
  const auto& model = report.model;
  std::string out = "# " + model.model + ": " + model.stable + " to " +
                    model.canary.value_or("no canary") + "\n\n";
  if (model.canary) {
    out += "**" + std::string(name(model.rollout.status)) + "**, canary at " +
           weight_text(model.weight.effective);
    if (!model.rollout.reason.empty()) out += ": " + cell(model.rollout.reason);
    out += "\n\n";
  }
  out += "## Figures\n" + figures_table(report);
  if (!model.criteria.empty()) out += "\n## Criteria\n" + criteria_list(report);
  out += "\n## Decisions\n" + decisions_table(report) + lessons + left_to_do(report);
  return out;
}

std::string report_json(const Report& report) {
  JsonWriter out;
  out.object([&] {
    out.field("model", report.model.model).field("stable", report.model.stable);
    out.field_or_null("canary", report.model.canary.value_or(""));
    out.field("status", name(report.model.rollout.status));
    out.key("versions").array([&] {
      for (const auto& version : report.versions)
        out.object([&] {
          out.field("version", version.version).field("role", version.role);
          out.field("requests", version.requests).field("errors", version.errors);
          out.field("error_rate", version.error_rate).field("p50_seconds", version.p50);
          out.field("p95_seconds", version.p95).field("p99_seconds", version.p99);
        });
    });
    out.field("markdown", report_markdown(report));
  });
  return out.take();
}

}  // namespace canary::admin

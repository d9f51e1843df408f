#include "admin/report.hpp"

#include "admin/json_writer.hpp"
#include "admin/markdown.hpp"
#include "base/clock.hpp"
#include "base/units.hpp"

namespace canary::admin {
namespace {

std::string weight_text(base::BasisPoints weight) { return base::format_percent(weight) + "%"; }

std::string criteria_list(const Report& report) {
  std::string out;
  for (const auto& reading : report.model.criteria)
    out += "- " + reading.criterion + ": " + std::string(name(reading.verdict)) + ", " +
           markdown_text(reading.reason) + "\n";
  return out;
}

std::string decisions_table(const Report& report) {
  std::string out = "| time | decision | weight | who | why |\n|---|---|---|---|---|\n";
  for (auto row = report.rows.rbegin(); row != report.rows.rend(); ++row)
    out += "| " + base::format_time(row->time) + " | " + std::string(name(row->entry.kind)) +
           " | " + weight_text(row->entry.before) + " -> " + weight_text(row->entry.after) + " | " +
           markdown_text(row->entry.actor) + " | " + markdown_text(row->entry.reason) + " |\n";
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

std::string report_markdown(const Report& report) {
  const auto& model = report.model;
  std::string out = "# " + model.model + ": " + model.stable + " to " +
                    model.canary.value_or("no canary") + "\n\n";
  if (model.canary) {
    out += "**" + std::string(name(model.rollout.status)) + "**, canary at " +
           weight_text(model.weight.effective);
    if (!model.rollout.reason.empty()) out += ": " + markdown_text(model.rollout.reason);
    out += "\n\n";
  }
  out += "## Figures\n" + figures_markdown(report.figures);
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
      for (const auto& version : report.figures.versions)
        out.object([&] { write_figures(out, version); });
    });
    out.key("phases").array([&] {
      for (const PhaseFigures& row : report.figures.phases)
        out.object([&] {
          out.field("attempt", row.attempt).key("phase");
          row.phase == 0 ? out.null() : out.value(row.phase);
          out.field("first", base::format_time(row.first));
          out.field("last", base::format_time(row.last));
          write_figures(out, row.version);
        });
    });
    out.field("markdown", report_markdown(report));
  });
  return out.take();
}

}  // namespace canary::admin

// models.<name>: what counts as good and bad, and what happens then.
#include "config/parse.hpp"

namespace canary::config {
namespace {

constexpr double most_relative_percent = 10'000;  // of the SLO, or of stable

void read_ratio(const Field& field, double& out, double most_percent) {
  double percent = out * 100;
  field.percent(percent, most_percent);
  if (field.present()) out = percent / 100;
}

template <class Limits>
void read_limits(Section& section, Limits& out) {
  read_ratio(section["error_rate"], out.error_rate, 100);
  read_ratio(section["latency_p95"], out.latency_p95, most_relative_percent);
  read_ratio(section["quality_degradation"], out.quality_degradation, most_relative_percent);
}

void read_judge(Section& section, ThresholdJudge& out) {
  const Field method = section["method"];
  const std::string* word = method.scalar("threshold");
  if (word && *word == "sequential")
    method.problem("threshold; sequential is not supported yet");
  else
    method.only("threshold");
  section["window"].duration(out.window, {1s, std::chrono::days(7)});
  section["min_samples"].number(out.min_samples, {1, 1'000'000'000});
  section["false_rollback_rate"].not_yet();
  section["per"].not_yet();
}

void read_phases(const Field& field, std::vector<Phase>& out) {
  std::vector<Phase> phases;
  field.list([&](const Field& element) {
    Phase& phase = phases.emplace_back();
    element.section([&](Section& section) {
      section.required("percentage", "a percentage above 0").weight(phase.percentage);
      section.required("hold", "a duration, such as 7d").duration(phase.hold, positive);
    });
  });
  if (field.is_empty_list()) field.problem("at least one phase");
  if (field.is_list()) out = std::move(phases);
}

void read_plan(Section& section, Plan& out) {
  using Advance = Plan::Advance;
  using OnInsufficientData = Plan::OnInsufficientData;
  read_phases(section["phases"], out.phases);
  section["advance"].choice<Advance>(
      out.advance, {{"automatic", Advance::automatic}, {"manual", Advance::manual}});
  section["on_insufficient_data"].choice<OnInsufficientData>(
      out.on_insufficient_data, {{"hold", OnInsufficientData::hold},
                                 {"advance", OnInsufficientData::advance},
                                 {"rollback", OnInsufficientData::rollback}});
  section["retire_after"].duration(out.retire_after, positive);
  section["remove_after"].duration(out.remove_after, positive);
}

void read_ladder(const Field& field, std::vector<BasisPoints>& out) {
  std::vector<BasisPoints> rungs;
  field.list([&](const Field& element) { element.weight(rungs.emplace_back()); });
  if (field.is_empty_list()) field.problem("at least [0]");
  if (field.is_list()) out = std::move(rungs);
}

void read_rollback(Section& section, RollbackPolicy& out) {
  using Mode = RollbackPolicy::Mode;
  section["mode"].choice<Mode>(out.mode,
                               {{"immediate", Mode::immediate}, {"gradual", Mode::gradual}});
  read_ladder(section["ladder"], out.ladder);
  section["rung_hold"].duration(out.rung_hold, positive);
  section["watch"].duration(out.watch, zero_or_more);
  section["drain"].duration(out.drain, zero_or_more);
}

void read_errors_also(const Field& field, std::vector<std::uint16_t>& out) {
  field.list([&](const Field& element) {
    std::uint16_t code = 0;
    element.number(code, {400, 499});
    if (code == 0) return;
    if (std::find(out.begin(), out.end(), code) != out.end()) element.problem("each code once");
    out.push_back(code);
  });
}

}  // namespace

void read_judging(Section& model, Model& out) {
  model["slo"].section([&](Section& section) {
    Slo& slo = out.slo.emplace();
    section.required("latency_p95", "a duration, such as 200ms")
        .duration(slo.latency_p95, positive);
    section["of"].choice<Slo::Of>(slo.of,
                                  {{"total", Slo::Of::total}, {"first_byte", Slo::Of::first_byte}});
  });
  model["errors"].section(
      [&](Section& section) { read_errors_also(section["also"], out.errors_also); });
  model["success"].section([&](Section& section) { read_limits(section, out.success); });
  model["triggers"].section([&](Section& section) {
    read_limits(section, out.triggers);
    section["critical_bug"].boolean(out.triggers.critical_bug);
  });
  model["judge"].section([&](Section& section) { read_judge(section, out.judge); });
  model["warm_up"].section([&](Section& section) {
    section["requests"].number(out.warm_up.requests, {0, 1'000'000'000});
    section["duration"].duration(out.warm_up.duration, zero_or_more);
  });
  model["rollback"].section([&](Section& section) { read_rollback(section, out.rollback); });
  model["plan"].section([&](Section& section) { read_plan(section, out.plan.emplace()); });
  model["quality"].not_yet({"[]"});
}

}  // namespace canary::config

#include <catch2/catch.hpp>

#include "unit/config/texts.hpp"

using namespace canary;
using namespace canary::config;
using namespace canary::config_test;
using namespace std::chrono_literals;

namespace {

Model model_of(const std::string& lines) {
  const Loaded loaded = load(under_model(lines));
  for (const auto& problem : loaded.errors) FAIL(problem.to_string("f"));
  return loaded.config.models.at(0);
}

}  // namespace

TEST_CASE("an empty plan is the runbook's four weeks, automatic, and holds without traffic") {
  const Model model = model_of("plan: {}");
  REQUIRE(model.plan);
  CHECK(model.plan->phases ==
        std::vector<Phase>{{1000, 7 * 24h}, {5000, 7 * 24h}, {10000, 14 * 24h}});
  CHECK(model.plan->advance == Plan::Advance::automatic);
  CHECK(model.plan->on_insufficient_data == Plan::OnInsufficientData::hold);
  CHECK(model.plan->retire_after == 14 * 24h);
  CHECK(model.plan->remove_after == 30 * 24h);
  CHECK(model.triggers.critical_bug);
  CHECK(model.rollback == RollbackPolicy{});
}

TEST_CASE("a rollback's keys are read, and the reminders'") {
  const Model model = model_of(
      "rollback: { mode: gradual, ladder: [30, 2.5%, 0], rung_hold: 1m, watch: 2m, drain: 0s }\n"
      "    plan: { retire_after: 1d, remove_after: 2d }");
  CHECK(model.rollback ==
        RollbackPolicy{RollbackPolicy::Mode::gradual, {3000, 250, 0}, 1min, 2min, 0s});
  REQUIRE(model.plan);
  CHECK(model.plan->retire_after == 24h);
  CHECK(model.plan->remove_after == 48h);
  CHECK(model_of("rollback: { ladder: [0] }").rollback.ladder == std::vector<BasisPoints>{0});
}

TEST_CASE("a plan's keys are read") {
  const Model model = model_of(
      "plan: { phases: [{ percentage: 0.5%, hold: 90s }, { percentage: 20, hold: 1h }],"
      " advance: manual, on_insufficient_data: rollback }\n    triggers: { critical_bug: false }");
  REQUIRE(model.plan);
  CHECK(model.plan->phases == std::vector<Phase>{{50, 90s}, {2000, 1h}});
  CHECK(model.plan->advance == Plan::Advance::manual);
  CHECK(model.plan->on_insufficient_data == Plan::OnInsufficientData::rollback);
  CHECK_FALSE(model.triggers.critical_bug);
}

TEST_CASE("with a plan the file's percentage is a ceiling, 100 unless it stands in the file") {
  const std::string canary = "canary: { version: v2, endpoints: [\"http://127.0.0.1:2\"]";
  CHECK(model_of(canary + " }").canary->rollout_percentage == 0);
  CHECK(model_of(canary + " }\n    plan: {}").canary->rollout_percentage == 10000);
  CHECK(model_of("plan: {}\n    " + canary + " }").canary->rollout_percentage == 10000);
  CHECK(model_of(canary + ", rollout_percentage: 0 }\n    plan: {}").canary->rollout_percentage ==
        0);
}

TEST_CASE("a plan's mistakes are told where they stand") {
  const std::pair<const char*, const char*> cases[] = {
      {"plan: { phases: [] }", "7:21 plan.phases: [] -> at least one phase"},
      {"plan: { phases: [{ percentage: 10 }] }",
       "7:22 plan.phases[0].hold: nothing -> a duration, such as 7d"},
      {"plan: { phases: [{ percentage: 10, hold: 1d }, { percentage: 10, hold: 1d }] }",
       "7:66 plan.phases[1].percentage: 10% -> more than 10%, as phases rise"},
      {"plan: { phases: [{ percentage: 0, hold: 1d }] }",
       "7:36 plan.phases[0].percentage: 0% -> more than 0%, as phases rise"},
      {"plan: { advance: later }", "7:22 plan.advance: a text (not shown) -> automatic or manual"},
      {"plan: { on_insufficient_data: wait }",
       "7:35 plan.on_insufficient_data: a text (not shown) -> hold or advance or rollback"},
      {"plan: { retire_after: 3d, remove_after: 2d }",
       "7:45 plan.remove_after: 2d -> at least plan.retire_after, which is 3d"},
      {"plan: { retire_after: 31d }",
       "7:27 plan.retire_after: 31d -> at most plan.remove_after, which is 30d"},
      {"plan: { remove_after: 1d }",
       "7:27 plan.remove_after: 1d -> at least plan.retire_after, which is 14d"},
      {"plan: { retire_after: 0s }",
       "7:27 plan.retire_after: 0s -> a duration of 1ms..365d, such as 500ms, 30s, 15m or 7d"},
      {"rollback: { mode: slow }",
       "7:23 rollback.mode: a text (not shown) -> immediate or gradual"},
      {"rollback: { ladder: [] }", "7:25 rollback.ladder: [] -> at least [0]"},
      {"rollback: { ladder: 0 }", "7:25 rollback.ladder: 0 -> a list"},
      {"rollback: { ladder: [50, 50, 0] }",
       "7:30 rollback.ladder[1]: 50% -> less than 50%, as a ladder falls"},
      {"rollback: { ladder: [50, 10] }", "7:30 rollback.ladder[1]: 10% -> 0 as the last rung"},
      {"rollback: { ladder: [101, 0] }",
       "7:26 rollback.ladder[0]: 101 -> a percentage 0..100, such as 10, 0.5 or 0.5%"},
      {"rollback: { rung_hold: 0s }",
       "7:28 rollback.rung_hold: 0s -> a duration of 1ms..365d, such as 500ms, 30s, 15m or 7d"},
  };
  for (const auto& [lines, errors] : cases) {
    INFO(lines);
    CHECK(short_errors(under_model(lines)) == errors);
  }
}

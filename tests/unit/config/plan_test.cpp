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
  CHECK(model.triggers.critical_bug);
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
      {"plan: { advance: later }", "7:22 plan.advance: later -> automatic or manual"},
      {"plan: { on_insufficient_data: wait }",
       "7:35 plan.on_insufficient_data: wait -> hold or advance or rollback"},
  };
  for (const auto& [lines, errors] : cases) {
    INFO(lines);
    CHECK(short_errors(under_model(lines)) == errors);
  }
}

#include "rehearsal/verdicts.hpp"

#include <catch2/catch.hpp>
#include <deque>

#include "rehearsal/chart.hpp"

using namespace canary;
using namespace canary::rehearsal;
using namespace std::chrono_literals;

namespace {

config::Config config_of() {
  return config::load(R"(
models:
  m:
    match: [{ path_prefix: /m }]
    stable: { version: m_v1, endpoints: ["http://127.0.0.1:9001"] }
    canary: { version: m_v2, endpoints: ["http://127.0.0.1:9002"] }
    plan: {}
)")
      .config;
}

/// Phase 1 from the start, phase 2 at 7d, rolled back at 8d; a notice about it.
Story story() {
  Story story;
  story.length = 240h;
  ModelStory model{"m", "m_v1", "m_v2", {}, {}};
  model.snapshots = {{0s, 1000, "phase", "running", "", 1, false, false},
                     {168h, 5000, "phase", "running", "", 2, false, false},
                     {192h, 0, "cap", "rolled_back", "error rate 3%", 2, true, false}};
  story.models.push_back(model);
  Moment phase;
  phase.kind = Moment::Kind::entry;
  phase.at = 168h;
  phase.model = "m";
  phase.what = "phase";
  phase.actor = "gateway";
  phase.phase = 2;
  phase.reason = "held for 7d";
  Moment rollback = phase;
  rollback.at = 192h;
  rollback.what = "rollback";
  rollback.trigger = "error_rate";
  rollback.mode = "immediate";
  rollback.reason = "error rate 3%";
  Moment notice;
  notice.kind = Moment::Kind::notice;
  notice.at = 192h;
  notice.model = "m";
  notice.what = "slack #incidents";
  notice.reason = "Rolled back m";
  story.moments = {phase, rollback, notice};
  return story;
}

Verdict verdict_of(const std::string& expectation) {
  const auto loaded = config::load_scenario(
      "requests_per_second: 1\nexpect:\n  - " + expectation + "\n", config_of());
  for (const auto& problem : loaded.errors) FAIL(problem.to_string(expectation));
  return judge(story(), loaded.scenario.expectations).at(0);
}

}  // namespace

TEST_CASE("what happened as expected is met", "[verdicts]") {
  for (const char* expectation :
       {"rollback: true", "rollback: error_rate", "{ rollback: true, after: 8d, before: 8d }",
        "{ rollback: true, mode: immediate, times: 1 }",
        "{ happens: phase, phase: 2, by: gateway }", "{ happens: phase, reason: held for }",
        "{ happens: held, times: 0 }", "never: held", "{ never: rollback, before: 7d }",
        "{ never: rollback, trigger: latency_p95 }",
        "{ at: 3d, status: running, weight: 10%, phase: 1, latched: false }",
        "{ at: 7d, weight: 50%, limited_by: phase }", "{ at: 9d, latched: true, reason: rate 3% }",
        "{ at: end, status: rolled_back, weight: 0 }", "{ max_weight: 10%, before: 6d }",
        "{ max_weight: 0%, after: 8d }", "{ told: slack, reason: Rolled back, times: 1 }"}) {
    const Verdict verdict = verdict_of(expectation);
    INFO(expectation << " instead " << verdict.instead);
    CHECK(verdict.met);
  }
}

TEST_CASE("what did not happen is not met, and what did is told", "[verdicts]") {
  const std::pair<const char*, const char*> table[] = {
      {"rollback: latency_p95", "8d rollback (error_rate, immediate): error rate 3%"},
      {"{ rollback: true, before: 7d }", "8d rollback"},
      {"{ rollback: true, after: 9d }", "8d rollback"},
      {"{ rollback: true, mode: gradual }", "immediate"},
      {"{ rollback: true, times: 2 }", "1 time, the last: 8d rollback"},
      {"never: rollback", "8d rollback"},
      {"happens: complete", "none; at the end it is rolled_back at 0%: error rate 3%"},
      {"{ happens: phase, phase: 3 }", "7d phase"},
      {"{ happens: phase, by: alice }", "7d phase"},
      {"{ at: 3d, weight: 50% }", "running at 10%, limited by phase"},
      {"{ at: end, status: complete }", "rolled_back at 0%"},
      {"{ at: 8d, latched: false }", "latched"},
      {"{ max_weight: 10% }", "50% since 7d"},
      {"{ max_weight: 10%, after: 7d12h }", "50% since 7d"},
      {"{ at: 11d, weight: 0 }", "the rehearsal ended at 10d"},
      {"{ told: webhook }", "none"},
      {"{ told: slack, reason: complete }", "Rolled back m"},
  };
  for (const auto& [expectation, instead] : table) {
    const Verdict verdict = verdict_of(expectation);
    INFO(expectation << " instead: " << verdict.instead);
    CHECK_FALSE(verdict.met);
    CHECK(verdict.instead.find(instead) != std::string::npos);
  }
}

TEST_CASE("the chart shows when the weight was what, and what happened", "[chart]") {
  const Story told = story();
  CHECK(chart(told.models[0], told) ==
        "m: the canary's weight\n"
        "    50% |                                                  ########\n"
        "    10% |###################################################\n"
        "     0% |                                                         ###############\n"
        "        +1-------------------------------------------------2------R--------------\n"
        "         0s                2d12h             5d                7d12h             "
        "10d\n");
}

TEST_CASE("times read as a scenario writes them", "[story]") {
  CHECK(short_text(0s) == "0s");
  CHECK(short_text(84h + 250ms) == "3d12h250ms");
  CHECK(time_text(84h) == " 3d 12:00:00");
  CHECK(time_text(25h + 61s + 5ms) == " 1d 01:01:01.005");
}

#include "rehearsal/rehearse.hpp"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <sstream>

#include "log/log.hpp"
#include "rehearsal/world.hpp"
#include "support/temp_dir.hpp"

using namespace canary;
using namespace canary::rehearsal;

namespace {

const char* const plan = R"(
models:
  m:
    match: [{ path_prefix: /m }]
    stable: { version: m_v1, endpoints: ["http://m-v1.invalid:9001"] }
    canary: { version: m_v2, endpoints: ["http://m-v2.invalid:9002"] }
    slo: { latency_p95: 200ms }
    plan: { phases: [{ percentage: 10, hold: 1h }, { percentage: 100, hold: 1h }] }
    judge: { window: 5m, min_samples: 100 }
notify:
  - { kind: slack, url_env: NO_SUCH_VARIABLE, channel: "#incidents" }
)";

struct Told {
  int status = 0;
  std::string out, err;
  bool says(const std::string& text) const { return out.find(text) != std::string::npos; }
};

/// A directory with a plan and a scenario, and the command on them.
class Stage {
 public:
  explicit Stage(const std::string& config = plan) {
    support::write_file(dir_ / "plan.yaml", config);
    log::silence(true);
  }
  ~Stage() { log::silence(false); }

  Told play(const std::string& scenario, bool json = false, std::uint64_t seed = 1) {
    support::write_file(dir_ / "scenario.yaml", scenario);
    RehearseOptions options;
    options.config_path = (dir_ / "plan.yaml").string();
    options.scenario_path = (dir_ / "scenario.yaml").string();
    options.json = json;
    options.seed = seed;
    std::ostringstream out, err;
    Told told;
    told.status = run_rehearse(options, base::ManualClock(), false, out, err);
    told.out = out.str();
    told.err = err.str();
    return told;
  }
  const support::TempDir& dir() const { return dir_; }

 private:
  support::TempDir dir_;
};

const std::string good = "requests_per_second: 20\n";

}  // namespace

TEST_CASE("a healthy canary goes through its plan", "[rehearse]") {
  Stage stage;
  const Told told = stage.play(good + "expect: [{ at: end, status: complete, weight: 100 }]");
  INFO(told.out << told.err);
  CHECK(told.status == rehearse_met);
  CHECK(told.err.empty());
  CHECK(told.says("10% -> 100%"));
  CHECK(told.says("-> slack #incidents: "));
  CHECK(told.says("expected: 1 of 1 met"));
}

TEST_CASE("the same seed tells the same story, byte for byte, and another seed another one",
          "[rehearse]") {
  Stage stage;
  support::write_file(stage.dir() / "broken.yaml", "models: { m: {} }\n");
  const std::string scenario = good +
                               "stable: { error_rate: 0.1%, quality: 0.3 }\n"
                               "canary: { error_rate: 0.1%, quality: 0.3 }\n"
                               "events:\n"
                               "  - { at: 30m, gateway: kill }\n"
                               "  - { at: 35m, file: broken.yaml }\n"
                               "  - { at: 40m, gateway: down for 5m }\n"
                               "  - { at: 90m, over: 30m, canary: { error_rate: 30% } }\n";
  for (const bool json : {false, true}) {
    const Told once = stage.play(scenario, json, 7), again = stage.play(scenario, json, 7);
    INFO(once.err);
    CHECK(once.status == rehearse_met);
    CHECK(once.out == again.out);
    CHECK(once.says("rollback"));
    CHECK(stage.play(scenario, json, 8).out != once.out);
  }
}

TEST_CASE("an expectation that is not met is exit status 1, and says what happened instead",
          "[rehearse]") {
  Stage stage;
  const Told told = stage.play(good +
                               "events: [{ at: 30m, canary: { error_rate: 50% } }]\n"
                               "expect:\n  - never: rollback\n  - rollback: error_rate\n");
  INFO(told.out);
  CHECK(told.status == rehearse_not_met);
  CHECK(told.says("scenario.yaml:4: m: never rollback"));
  CHECK(told.says("instead: 30m"));
  CHECK(told.says("expected: 1 of 2 met"));
}

TEST_CASE("a file that is not valid is exit status 2, with its places", "[rehearse]") {
  Stage stage;
  const std::string wrong = good + "canry: {}\n";
  const Told told = stage.play(wrong);
  CHECK(told.status == rehearse_invalid);
  CHECK(told.out.empty());
  CHECK(told.err.find("scenario.yaml:2:1: canry") != std::string::npos);
  const Told json = stage.play(wrong, true);
  CHECK(json.status == rehearse_invalid);
  CHECK(json.says("\"ok\":false"));
  CHECK(stage.play(good + "events: [{ at: 1m, file: missing.yaml }]").status == rehearse_invalid);
  Stage broken("models: {}\n");
  CHECK(broken.play(good).status == rehearse_invalid);
  CHECK(broken.play(good).err.find("plan.yaml:1:9") != std::string::npos);
}

TEST_CASE("people and failures act on the real control plane", "[rehearse]") {
  Stage stage;
  support::write_file(stage.dir() / "broken.yaml", "models: { m: {} }\n");
  const Told told = stage.play(good + R"(
duration: 3h
events:
  - { at: 10m, flag: 5, by: alice, reason: careful }
  - { at: 20m, flag: removed, by: alice }
  - { at: 30m, file: broken.yaml }
  - { at: 31m, file: { attempt: 2 } }
  - { at: 40m, complaint: critical, by: bob, reason: wrong numbers }
  - { at: 50m, promote: true, by: carol }
  - { at: 55m, gateway: kill }
  - { at: 60m, resume: mended, by: bob }
  - { at: 70m, disk: full }
  - { at: 71m, rollback: immediate, by: bob }
  - { at: 72m, resume: mended, by: bob }
  - { at: 80m, disk: ok }
expect:
  - { at: 15m, weight: 5%, limited_by: flag }
  - { at: 30m, weight: 10% }
  - { rollback: critical_bug, after: 40m, before: 41m }
  - { happens: verified, before: 42m }
  - { happens: refused, by: carol, after: 50m }
  - { at: 56m, weight: 0%, latched: true }
  - { at: 65m, weight: 10%, status: running }
  - { rollback: operator, after: 71m, before: 72m }
  - { at: 75m, weight: 0%, latched: true }
)");
  INFO(told.out << told.err);
  CHECK(told.status == rehearse_met);
  CHECK(told.says("! file refused: 422 "));
  CHECK(told.says("! resume refused: 503 "));
}

TEST_CASE("nothing is left behind, and the state directory of the file is not touched",
          "[rehearse]") {
  support::TempDir state, temporary;
  const auto count = [](const std::filesystem::path& path) {
    return std::distance(std::filesystem::directory_iterator(path), {});
  };
  Stage stage("state_dir: " + (state / "state").string() + "\n" + plan);
  REQUIRE(::setenv("TMPDIR", temporary.path().c_str(), 1) == 0);
  const Told told = stage.play(good + "duration: 10m\n");
  REQUIRE(::unsetenv("TMPDIR") == 0);
  CHECK(told.status == rehearse_met);
  CHECK(count(state.path()) == 0);
  CHECK(count(temporary.path()) == 0);
}

TEST_CASE("every word for an outcome is one of the gateway's", "[world]") {
  for (const auto& word : config::scenario_outcomes()) {
    CAPTURE(word);
    CHECK(outcome_of(word).has_value());
  }
}

TEST_CASE("a secret in the wrong place of a scenario does not come out", "[rehearse]") {
  Stage stage;
  const std::string hook = "https://u:SECRET@hooks.example.com/T0/SECRET?k=SECRET";
  const auto silent = [&](const std::string& scenario, int status) {
    for (const bool json : {false, true}) {
      const Told told = stage.play(scenario, json);
      INFO(told.out << told.err);
      CHECK(told.status == status);
      CHECK((told.out + told.err).find("SECRET") == std::string::npos);
      CHECK((told.out + told.err).size() > 0);
    }
  };
  for (const std::string path : {"xoxb-1-SECRET", "SECRET/file.yaml"})
    silent(good + "events: [{ at: 1m, file: " + path + " }]", rehearse_invalid);
  silent(good + "events: [{ at: 1m, file: \"" + hook + "\" }]", rehearse_invalid);
  const std::string quoted = "\"" + hook + "\"";
  for (const std::string& line :
       {"told: " + quoted, "told: slack, reason: " + quoted, "happens: resume, reason: " + quoted,
        "never: resume, by: " + quoted, "at: end, reason: " + quoted})
    silent(good + "duration: 1h\nexpect: [{ " + line + " }]",
           line.starts_with("never") ? rehearse_met : rehearse_not_met);
  silent("title: " + quoted + "\n" + good + "duration: 1h\nevents: [{ at: 1m, pause: " + quoted +
             ", by: " + quoted + " }, { at: 2m, complaint: minor, reason: " + quoted + " }]",
         rehearse_met);
}

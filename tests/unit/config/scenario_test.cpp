#include "config/scenario.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <regex>
#include <set>

#include "config/edit.hpp"
#include "support/source_dir.hpp"

using namespace canary;
using namespace canary::config;
using namespace std::chrono_literals;

namespace {

const char* const model_text = R"(
    match: [{ path_prefix: /NAME }]
    stable: { version: NAME_v1, endpoints: ["http://127.0.0.1:9001"] }
    canary: { version: NAME_v2, endpoints: ["http://127.0.0.1:9002"] }
    plan: {}
)";

std::string config_text(const std::vector<std::string>& models) {
  std::string text = "models:\n";
  for (const auto& name : models) {
    std::string model = model_text;
    for (std::size_t at; (at = model.find("NAME")) != std::string::npos;)
      model.replace(at, 4, name);
    text += "  " + name + ":" + model;
  }
  return text;
}

Config config_of(const std::vector<std::string>& models) {
  auto loaded = load(config_text(models));
  for (const auto& problem : loaded.errors) FAIL(problem.to_string("config"));
  return loaded.config;
}

std::string problems_of(const std::string& text, const std::vector<std::string>& models = {"m"}) {
  std::string all;
  for (const auto& problem : load_scenario(text, config_of(models)).errors)
    all += problem.to_string("s") + "\n";
  return all;
}

Scenario good(const std::string& text, const std::vector<std::string>& models = {"m"}) {
  INFO(text);
  auto loaded = load_scenario(text, config_of(models));
  for (const auto& problem : loaded.errors) FAIL(problem.to_string("s"));
  return loaded.scenario;
}

}  // namespace

TEST_CASE("every word of a scenario's beginning is taken in", "[scenario]") {
  const auto scenario = good(R"(
requests_per_second: 0.5
stable: { quality: 0.1 }
canary:
  error_rate: 3%
  error_outcome: timeout_first_byte
  latency: { p50: 40ms, p95: 120ms, max: 5s }
  capacity: 20.5
  down: true
  quality: { error: 0.12, spread: 0.1, labels: 10% }
)");
  REQUIRE(scenario.models.size() == 1);
  CHECK(scenario.models[0].name == "m");
  const Conditions& begin = scenario.models[0].begin;
  CHECK(begin.requests_per_second == 0.5);
  CHECK(begin.stable.quality_error == 0.1);
  CHECK(begin.canary.error_rate == 0.03);
  CHECK(begin.canary.error_outcome == "timeout_first_byte");
  CHECK(begin.canary.latency == std::vector<Quantile>{{.5, 40ms}, {.95, 120ms}, {1, Duration(5s)}});
  CHECK(begin.canary.capacity == 20.5);
  CHECK(begin.canary.down == true);
  CHECK(begin.canary.quality_error == 0.12);
  CHECK(begin.canary.quality_spread == 0.1);
  CHECK(begin.canary.labels == 0.1);
}

TEST_CASE("each event is what its words say", "[scenario]") {
  const auto scenario = good(R"(
requests_per_second: 1
events:
  - { at: 1h, promote: looks good, by: alice }
  - { at: 2h, rollback: gradual, by: bob, reason: slow }
  - { at: 3h, rollback: { mode: immediate, by: carol } }
  - { at: 4h, complaint: minor }
  - { at: 6h, flag: 12.5 }
  - { at: 7h, flag: removed }
  - { at: 8h, file: { attempt: 2, rollout_percentage: 20 } }
  - at: 9h
    file: |
      models: {}
  - { at: 12h, gateway: down for 2h }
  - { at: 15h, gateway: { down: 1m, kill: true } }
  - { at: 16h, disk: full }
  - { at: 17h, every: 1d, until: 5d, over: 1h, both: { down: true }, canary: { error_rate: 1% } }
)");
  const auto& events = scenario.events;
  REQUIRE(events.size() == 12);
  const auto act = [&](std::size_t i) {
    REQUIRE(events[i].acts.size() == 1);
    return events[i].acts[0];
  };
  CHECK(act(0).kind == Act::Kind::promote);
  CHECK(act(0).by == "alice");
  CHECK(act(0).reason == "looks good");
  CHECK(act(1).mode == RollbackPolicy::Mode::gradual);
  CHECK(act(1).reason == "slow");
  CHECK(act(2).mode == RollbackPolicy::Mode::immediate);
  CHECK(act(2).by == "carol");
  CHECK_FALSE(act(3).critical);
  CHECK(act(4).kind == Act::Kind::set_flag);
  CHECK(act(4).percentage == 1250);
  CHECK(act(5).kind == Act::Kind::clear_flag);
  CHECK(events[6].file->attempt == 2);
  CHECK(events[6].file->rollout_percentage == 2000);
  CHECK(events[7].file->text == "models: {}\n");
  CHECK(events[8].outage->down == 2h);
  CHECK_FALSE(events[8].outage->killed);
  CHECK(events[9].outage->killed);
  CHECK(events[10].disk_full == true);
  CHECK(events[11].every == 24h);
  CHECK(events[11].until == Duration(120h));
  CHECK(events[11].over == 1h);
  CHECK(events[11].change->stable.down == true);
  CHECK(events[11].change->canary.down == true);
  CHECK(events[11].change->canary.error_rate == 0.01);
  for (const auto& event : events) CHECK(event.model == "m");
}

TEST_CASE("each expectation is what its words say", "[scenario]") {
  const auto scenario = good(R"(
requests_per_second: 1
expect:
  - { rollback: error_rate, after: 8d, before: 8d1h }
  - { rollback: true, times: 2 }
  - rollback: { trigger: critical_bug, mode: immediate, by: alice }
  - { happens: phase, phase: 2, reason: held for }
  - { never: held, before: 3d }
  - { at: 3d, status: running, weight: 10%, limited_by: phase }
  - { at: end, latched: true }
  - { max_weight: 50, after: 1d }
  - { told: "slack #incidents", reason: Rolled back, times: 1 }
)");
  const auto& all = scenario.expectations;
  REQUIRE(all.size() == 9);
  CHECK(all[0].entry == "rollback");
  CHECK(all[0].trigger == "error_rate");
  CHECK(all[0].before == Duration(193h));
  CHECK(all[1].trigger.empty());
  CHECK(all[1].times == 2u);
  CHECK(all[2].trigger == "critical_bug");
  CHECK(all[2].mode == RollbackPolicy::Mode::immediate);
  CHECK(all[2].by == "alice");
  CHECK(all[3].phase == 2u);
  CHECK(all[4].kind == Expectation::Kind::never);
  CHECK(all[5].weight == BasisPoints{1000});
  CHECK(all[5].limited_by == "phase");
  CHECK_FALSE(all[6].at);
  CHECK(all[6].latched == true);
  CHECK(all[7].kind == Expectation::Kind::max_weight);
  CHECK(all[8].entry == "slack #incidents");
  for (const auto& expectation : all) CHECK(expectation.place.line > 3);
}

TEST_CASE("what is wrong with a scenario is told with its place and what was expected",
          "[scenario]") {
  const std::string good_start = "requests_per_second: 1\n";
  const std::pair<std::string, std::string> table[] = {
      {"", "requests_per_second: found nothing, expected the model's requests per second"},
      {"requests_per_second: many",
       "s:1:22: requests_per_second: found a text (not shown), expected a number"},
      {"requests_per_second: -1", "expected a number per second 0..1000000"},
      {good_start + "canry: {}",
       "s:2:1: canry: found an unknown key, expected a known key; did you "
       "mean canary?"},
      {good_start + "canary: { error_rate: 120% }", "canary.error_rate: found 120%"},
      {good_start + "canary: { error_outcome: servererror }", "did you mean server_error?"},
      {good_start + "canary: { latency: { p95: 1s } }", "expected a duration, or p50 and p95"},
      {good_start + "canary: { latency: { p50: 2s, p95: 1s } }", "rising"},
      {good_start + "canary: { latency: fast }", "canary.latency: found a text (not shown)"},
      {good_start + "canary: { quality: 0.1 }", "expected the mean error of both versions"},
      {good_start + "stable: { quality: { error: 1, labels: 5%, labels_per_second: 3 } }",
       "labels or labels_per_second, not both"},
      {good_start + "events: [{ promote: true }]", "events[0].at: found nothing"},
      {good_start + "events: [{ at: 1d }]", "found nothing that happens"},
      {good_start + "events: [{ at: tomorrow, promote: true }]",
       "events[0].at: found a text (not shown)"},
      {good_start + "events: [{ at: 1d, rollback: slowly }]", "expected immediate or gradual"},
      {good_start + "events: [{ at: 1d, complaint: loud }]", "expected critical or minor"},
      {good_start + "events: [{ at: 1d, flag: 101 }]", "events[0].flag: found 101"},
      {good_start + "events: [{ at: 1d, gateway: explode }]", "`down for 2h`"},
      {good_start + "events: [{ at: 1d, gateway: down for a while }]", "`down for 2h`"},
      {good_start + "events: [{ at: 1d, disk: slow }]", "expected full or ok"},
      {good_start + "events: [{ at: 1d, file: {} }]",
       "at least one of rollout_percentage, attempt"},
      {good_start + "events: [{ at: 1d, until: 3d, promote: true }]", "an event that is repeated"},
      {good_start + "events: [{ at: 1d, over: 3d, promote: true }]",
       "a change that takes its time"},
      {good_start + "events: [{ at: 1d, every: 1h, over: 2h, canary: { error_rate: 1 } }]",
       "at most `every`, 1h"},
      {good_start + "events: [{ at: 1d, canary: { quality: 0.2 } }]",
       "the quality of both versions at the beginning"},
      {good_start + "duration: 2d\nevents: [{ at: 3d, promote: true }]",
       "a time within the scenario's duration"},
      {good_start + "expect: [{ status: running }]", "exactly one of rollback, happens, never"},
      {good_start + "expect: [{ never: rollback, at: 3d }]", "exactly one of"},
      {good_start + "expect: [{ never: rolback }]", "did you mean rollback?"},
      {good_start + "expect: [{ rollback: latency }]", "did you mean latency_p95?"},
      {good_start + "expect: [{ rollback: true, weight: 0 }]", "weight: found an unknown key"},
      {good_start + "expect: [{ at: 3d }]", "found only a time"},
      {good_start + "expect: [{ at: 3d, status: runing }]", "did you mean running?"},
      {good_start + "expect: [{ never: rollback, after: 3d, before: 2d }]",
       "a time behind `after`, 3d"},
      {good_start + "model: x", "s:2:8: model: found x, expected a model of the configuration"},
      {good_start + "events: [{ at: 1d, model: x, promote: true }]", "a model of this scenario: m"},
      {good_start + "models: { m: { requests_per_second: 1 } }", "either `models`, or"},
      {"models: { x: { requests_per_second: 1 } }", "models.x: found x"},
      {"models: {}", "at least one model"},
      {"requests_per_second: [", "s:"},
  };
  for (const auto& [text, expected] : table) {
    const std::string problems = problems_of(text);
    INFO(text << "\n" << problems);
    CHECK(problems.find(expected) != std::string::npos);
  }
}

TEST_CASE("all problems of a scenario are told at once", "[scenario]") {
  const auto loaded = load_scenario(
      "requests_per_second: x\ncanary: { down: perhaps }\nevents:\n  - { at: 1d, disk: slow }\n"
      "expect:\n  - { never: nothing }\n",
      config_of({"m"}));
  REQUIRE(loaded.errors.size() == 4);
  for (std::size_t i = 1; i < loaded.errors.size(); ++i)
    CHECK(loaded.errors[i - 1].line < loaded.errors[i].line);
}

TEST_CASE("of several models the scenario says which it speaks of", "[scenario]") {
  const std::vector<std::string> models{"a", "b"};
  CHECK(problems_of("requests_per_second: 1\n", models).find("one of a, b") != std::string::npos);
  CHECK(good("model: b\nrequests_per_second: 1\n", models).models[0].name == "b");
  const std::string both =
      "models:\n  a: { requests_per_second: 1 }\n  b: { requests_per_second: 2 }\n";
  CHECK(good(both, models).models.size() == 2);
  const std::string act = "events:\n  - { at: 1d, promote: true }\n";
  CHECK(problems_of(both + act, models).find("events[0].model") != std::string::npos);
  const auto named = good(both + "events:\n  - { at: 1d, model: b, promote: true }\n", models);
  CHECK(named.events[0].model == "b");
  CHECK(problems_of(both + "expect:\n  - never: rollback\n", models).find("expect[0].model") !=
        std::string::npos);
}

TEST_CASE("one key of a configuration's text is set, and every other byte stays", "[scenario]") {
  const std::string block =
      "models:\n  m:\n    # why\n    canary:\n      version: m_v2   # two\n"
      "      rollout_percentage: 20  # now\n    attempt: 1\n";
  const auto set = [](const std::string& text, const std::vector<std::string>& path,
                      const std::string& value) {
    auto edited = set_key(text, path, value);
    return edited ? *edited : "error: " + edited.error().message();
  };
  CHECK(set(block, {"models", "m", "canary", "rollout_percentage"}, "5") ==
        "models:\n  m:\n    # why\n    canary:\n      version: m_v2   # two\n"
        "      rollout_percentage: 5  # now\n    attempt: 1\n");
  CHECK(set("m:\n  canary:\n    version: x\n", {"m", "attempt"}, "2") ==
        "m:\n  attempt: 2\n  canary:\n    version: x\n");
  CHECK(set("m: { canary: { version: x } }\n", {"m", "canary", "rollout_percentage"}, "7") ==
        "m: { canary: { rollout_percentage: 7, version: x } }\n");
  CHECK(set("m: { attempt: \"3\" }\n", {"m", "attempt"}, "4") == "m: { attempt: 4 }\n");
  CHECK(set("m: {}\n", {"m", "attempt"}, "4").starts_with("error: cannot set m.attempt"));
  CHECK(set("m: [1]\n", {"m", "attempt"}, "4").starts_with("error: "));
  CHECK(set("m: [1\n", {"m", "attempt"}, "4").starts_with("error: cannot edit"));
}

TEST_CASE("docs/rehearsal.md names every key and word of a scenario, and no other key",
          "[scenario]") {
  std::ifstream file(support::source_dir() / "docs/rehearsal.md");
  const std::string page{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  REQUIRE(page.size() > 1000);
  std::set<std::string> keys;
  for (const auto& key : known_scenario_keys()) {
    const std::string name = key.path.substr(key.path.find_last_of(".]") + 1);
    if (name != "*") keys.insert(name);
  }
  CHECK(keys.size() > 40);
  for (const auto& key : keys) {
    CAPTURE(key);
    CHECK(page.find("`" + key + "`") != std::string::npos);
  }
  for (const auto* words :
       {&scenario_entries(), &scenario_triggers(), &scenario_outcomes(), &scenario_statuses()})
    for (const auto& word : *words) {
      CAPTURE(word);
      CHECK(page.find("`" + word + "`") != std::string::npos);
    }
  // The first cells of the tables of keys.
  const std::regex row("\n\\| (`[^|]+`) \\|"), name("`(\\w+)`");
  const std::string tables = page.substr(page.find("## The beginning"));
  std::size_t rows = 0;
  for (std::sregex_iterator at(tables.begin(), tables.end(), row), end; at != end; ++at) {
    const std::string cell = (*at)[1];
    for (std::sregex_iterator key(cell.begin(), cell.end(), name); key != end; ++key, ++rows) {
      CAPTURE(cell);
      CHECK(keys.contains((*key)[1]));
    }
  }
  CHECK(rows > 50);
}

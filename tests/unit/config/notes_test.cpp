#include "config/notes.hpp"

#include <catch2/catch.hpp>

#include "config/load.hpp"

using namespace canary;

namespace {

// By key; `canary` and `model` are YAML in flow style.
std::map<std::string, std::string> notes(const std::string& canary, const std::string& model = "",
                                         const std::string& root = "") {
  const std::string text =
      "models: { m: { match: [{ path_prefix: / }], stable: { version: v1, endpoints: "
      "[\"http://127.0.0.1:1\"] }, canary: { version: v2, endpoints: [\"http://127.0.0.1:2\"]" +
      canary + " }" + model + " } }\n" + root;
  const auto loaded = config::load(text);
  for (const auto& problem : loaded.errors) FAIL(problem.to_string("file"));
  std::map<std::string, std::string> out;
  for (const auto& note : loaded.notes) out[note.key] = note.text;
  return out;
}

}  // namespace

TEST_CASE("check says from which traffic on a canary is judged at its first weight") {
  struct Row {
    std::string canary, model, says;
  };
  const Row rows[] = {
      {", rollout_percentage: 10", "", "at 10% the canary is judged from 34 requests/s "},
      {", rollout_percentage: 1", "", "at 1% the canary is judged from 340 requests/s "},
      {", rollout_percentage: 100", "", "at 100% the canary is judged from 3.4 requests/s "},
      {", rollout_percentage: 10", ", judge: { window: 1h }", "from 34 requests/min "},
      {", rollout_percentage: 10", ", judge: { min_samples: 1, window: 7d }",
       "from 0.1 requests/min "},
      {", rollout_percentage: 10", ", judge: { min_samples: 6, window: 1m }", "from 1 requests/s "},
      {"", ", plan: {}", "at 10% the canary is judged from 34 requests/s "},
      {", rollout_percentage: 5", ", plan: {}", "at 5% the canary is judged from 67 requests/s "},
  };
  for (const auto& [canary, model, says] : rows) {
    INFO(canary << model);
    CHECK_THAT(notes(canary, model)["models.m.judge"], Catch::Contains(says));
  }
  CHECK_FALSE(notes("").contains("models.m.judge"));  // at 0% nothing is judged
}

TEST_CASE("check says what a default does at more traffic, unless the file chose it") {
  const std::string ten = ", rollout_percentage: 10";
  auto all = notes(ten);
  CHECK_THAT(all["models.m.warm_up"], Catch::Contains("from 2000 requests/s"));
  CHECK_THAT(all["models.m.judge.min_samples"],
             Catch::StartsWith("2 failed of 200 requests are above triggers.error_rate (0.5%)"));
  CHECK_THAT(all["models.m.upstream.max_in_flight"], Catch::StartsWith("no limit"));
  CHECK_FALSE(all.contains("models.m.timeouts.first_byte"));
  CHECK_FALSE(all.contains("access_log.sample"));
  CHECK_FALSE(all.contains("data.dns_refresh"));

  const auto chosen = notes(ten,
                            ", warm_up: { duration: 0s }, judge: { min_samples: 200 }, upstream: { "
                            "max_in_flight: 0 }, slo: { latency_p95: 2m }, timeouts: { first_byte: "
                            "60s }");
  CHECK(chosen.size() == 1);
  CHECK(chosen.contains("models.m.judge"));
  CHECK_FALSE(notes(ten, ", triggers: { error_rate: 1% }").contains("models.m.judge.min_samples"));
}

TEST_CASE("check says when a server may not answer within the SLO") {
  const auto key = "models.m.timeouts.first_byte";
  CHECK_THAT(notes("", ", slo: { latency_p95: 2m }")[key],
             Catch::StartsWith("1m: ") && Catch::Contains("slo.latency_p95 (2m)"));
  CHECK_FALSE(notes("", ", slo: { latency_p95: 59s }").contains(key));
}

TEST_CASE("check says what a log of every request and many names come to") {
  CHECK_THAT(notes("", "", "access_log: { path: /tmp/x }\n")["access_log.sample"],
             Catch::Contains("35 GB a day at 1000 requests/s"));
  CHECK(notes("", "", "access_log: { path: /tmp/x, sample: 1% }\n").size() == 1);

  std::string endpoints;
  for (int i = 0; i < 42; ++i) endpoints += ", \"http://n" + std::to_string(i) + "\"";
  const std::string many =
      "models: { m: { match: [{ path_prefix: / }], stable: { version: v1, "
      "endpoints: [" +
      endpoints.substr(2) + "] } } }\n";
  const auto loaded = config::load(many);
  REQUIRE(loaded.ok());
  CHECK(loaded.notes.front().key == "data.dns_refresh");
  CHECK(loaded.notes.front().text == "42 names every 5s: up to 1008 DNS queries a minute");
  CHECK(config::load("data: { dns_refresh: 30s }\n" + many).notes.size() == 1);
}

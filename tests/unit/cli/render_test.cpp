#include "cli/render.hpp"

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

#include "cli/text.hpp"

using namespace canary;
using namespace std::chrono_literals;

namespace {

// 2026-11-23T06:43:12Z
const base::WallTime now =
    std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + 6h + 43min + 12s;
const cli::Style plain{false, now};
const cli::Style coloured{true, now};

const std::string rolled_back = R"x({
  "config":{"generation":3,"loaded_at":"2026-11-23T06:18:31.042Z","last_error":null,
            "path":"gateway.yaml","fallback":false,"warnings":[]},
  "models":[{"name":"comp-critic",
    "stable":{"version":"comp-critic_v1","in_flight":4},
    "canary":{"version":"comp-critic_v2","in_flight":0},
    "weight":{"file":10,"flag":100,"phase":100,"cap":0,"effective":0,"limited_by":"cap"},
    "rollout":{"status":"rolled_back","phase":null,
      "reason":"error rate 4.2% > 0.5% (42 of 1000 requests in 1m)",
      "since":"2026-11-23T06:40:02.000Z","latched":true,"attempt":1},
    "criteria":[
      {"name":"error_rate","verdict":"failure","value":0.042,"limit":0.005,"samples":1000,
       "reason":"error rate 4.2% > 0.5%","success_limit":0.001},
      {"name":"latency_p95","verdict":"inconclusive","value":0,"limit":0.3,"samples":0,
       "reason":"","success_limit":0.2}],
    "durable":true}],
  "ready":true,"draining":false,"table":{"published":7,"in_force":7},"durable":true,
  "gateway":{"version":"0.1.0","commit":"abc1234"}})x";

std::string status(const std::string& text, const cli::Style& style = plain) {
  return cli::render_status(boost::json::parse(text), style);
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto place = text.find(from);
  REQUIRE(place != std::string::npos);
  return text.replace(place, from.size(), to);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the status tells the whole story of a rolled back canary") {
  CHECK(status(rolled_back) ==
        R"x(canary-gateway 0.1.0 (abc1234), table 7 in force
configuration 3, loaded 2026-11-23 06:18:31Z (24 min ago), gateway.yaml

comp-critic  rolled_back since 2026-11-23 06:40:02Z (3 min ago)
  why      error rate 4.2% > 0.5% (42 of 1000 requests in 1m)
  stable   comp-critic_v1    100%      4 in flight
  canary   comp-critic_v2      0%      0 in flight
  weight   0%, limited by cap:  file 10%  flag 100%  phase 100%  cap 0%
  latched  stays at 0% until:  canary-gateway resume comp-critic --reason "..."
           or attempt: 2 in the file
  criterion    verdict       value  success  trigger  samples
  error_rate   failure        4.2%     0.1%     0.5%     1000
  latency_p95  inconclusive      -   200 ms   300 ms        0
    error rate 4.2% > 0.5%
)x");
}

TEST_CASE("a latch says what opens it and where the rollout begins then") {
  const std::string planned = with(
      with(rolled_back, R"("phase":null)", R"("phase":1,"phases":2,"percentage":10,"paused":true)"),
      R"("attempt":1)", R"("attempt":2)");
  CHECK(contains(status(planned), R"x(--reason "..."  (twice: the first one ends the pause)
           or attempt: 3 in the file
           it begins again at phase 1 of the plan (10%)
)x"));
}

TEST_CASE("each criterion's reason says whose it is, and what is missing is not said") {
  const std::string idle = with(
      with(with(rolled_back, R"("reason":"error rate 4.2% > 0.5%",)", R"("reason":"no traffic",)"),
           R"("reason":"","success_limit":0.2)", R"("reason":"no traffic","success_limit":0.2)"),
      R"("since":"2026-11-23T06:40:02.000Z")", R"("since":null)");
  CHECK(contains(status(idle), "    error_rate: no traffic\n    latency_p95: no traffic\n"));
  CHECK(contains(status(idle), "comp-critic  rolled_back\n"));
  const std::string one =
      with(idle, R"("ready":true)",
           R"("notify":[{"receiver":"log","waiting":1,"last_error":"full"}],"ready":true)");
  CHECK(contains(status(one), "log is not told (1 message waits): full"));
}

TEST_CASE("endpoints that are not healthy stand under their version, with the reason") {
  const std::string some_out = with(rolled_back, R"("version":"comp-critic_v1","in_flight":4)",
                                    R"("version":"comp-critic_v1","in_flight":4,"endpoints":[
        {"url":"http://a:1","address":"10.0.0.1:1","healthy":true,"state":"healthy","reason":null},
        {"url":"http://a:1","address":"10.0.0.2:1","healthy":false,"state":"ejected",
         "reason":"by 1 of 2 workers: Connection refused"},
        {"url":"http://b:1","address":null,"healthy":false,"state":"unresolved","reason":null}])");
  const std::string shown = status(some_out);
  CHECK(contains(shown, R"(  stable   comp-critic_v1    100%      4 in flight
           ! http://a:1 10.0.0.2:1 ejected: by 1 of 2 workers: Connection refused
           ! http://b:1 unresolved
  canary )"));
}

TEST_CASE("what is wrong with the gateway stands first") {
  struct Row {
    std::string from, to, alarm;
  };
  const std::vector<Row> rows = {
      {R"("last_error":null)", R"("last_error":"gateway.yaml:3:1: unknown key")",
       "! the last reload was refused, the configuration before it is in force: "
       "gateway.yaml:3:1: unknown key"},
      {R"("ready":true)", R"("latch":{"damages":1,"last_damage":"slot 3: crc"},"ready":true)",
       "! the latch file was found damaged since the start: slot 3: crc"},
      {R"("fallback":false)", R"("fallback":true)", "! running on the last accepted"},
      {R"("fallback":false)", R"("fallback":false,"held":"it ends early")",
       "! the changed file is held back: it ends early"},
      {R"("fallback":false)", R"("fallback":true,"held":"it ends early")",
       "! running on the last accepted configuration; the changed file is held back: it ends"},
      {R"("in_force":7},"durable":true)", R"("in_force":7},"durable":false)",
       "! the last decision is not committed to disk"},
      {R"("draining":false)", R"("draining":true)", "! draining"},
      {R"("ready":true)", R"("ready":false)", "! not ready"},
      {R"("durable":true,
  "gateway")",
       R"("durable":true,"notify":[{"receiver":"log","last_error":null},
          {"receiver":"slack #incidents","waiting":2,"last_error":"HTTP 503"}],"gateway")",
       "! slack #incidents is not told (2 messages wait): HTTP 503"},
      {R"("warnings":[])", R"("warnings":["v9 does not resolve"])", "! v9 does not resolve"},
      {R"("in_force":7)", R"("in_force":6)", "table 6 in force, 7 on its way"},
  };
  for (const auto& row : rows) {
    INFO(row.to);
    const auto shown = status(with(rolled_back, row.from, row.to));
    CHECK(contains(shown, row.alarm));
    CHECK(shown.find(row.alarm) < shown.find("\ncomp-critic"));
    CHECK_FALSE(contains(status(rolled_back), row.alarm));
  }
}

TEST_CASE("colour is used only when it is asked for") {
  CHECK_FALSE(contains(status(rolled_back), "\x1b"));
  const auto shown =
      status(with(rolled_back, R"("last_error":null)", R"("last_error":"x")"), coloured);
  CHECK(contains(shown, "\x1b[1;31mrolled_back\x1b[0m"));
  CHECK(contains(shown, "\x1b[1;31m! the last reload was refused"));
  CHECK(contains(shown, "\x1b[33minconclusive"));
}

TEST_CASE("a model without a canary, and an answer without its fields, are shown as they are") {
  const auto shown = status(
      R"({"models":[{"name":"m","stable":{"version":"m_v1","in_flight":2},"canary":null}]})");
  CHECK(contains(shown, "\nm  no canary\n  stable   m_v1    100%      2 in flight\n"));
  CHECK_FALSE(status("{}").empty());
  CHECK_FALSE(status(R"({"models":[{}, 5]})").empty());
}

TEST_CASE("text of the gateway cannot steer the terminal") {
  const auto shown = status(with(rolled_back, "error rate 4.2% > 0.5% (42 of 1000 requests in 1m)",
                                 "a\\u001b[2Jb\\u0085c\\nd"));
  CHECK(contains(shown, "  why      a?[2Jb?c d\n"));
}

TEST_CASE("the history has one line per decision") {
  const auto shown = cli::render_history(boost::json::parse(R"({"history":[
        {"id":2,"time":"2026-11-23T06:40:02.000Z","model":"comp-critic","kind":"rollback",
         "actor":"gateway","reason":"error rate","before":10,"after":0},
        {"id":1,"time":"2026-11-23T06:18:31.000Z","model":"comp-critic","kind":"file",
         "actor":"gateway","reason":"0 -> 10","before":0,"after":10}]})"),
                                         plain);
  CHECK(shown ==
        "2026-11-23 06:40:02Z  comp-critic  rollback     10% -> 0%      gateway: error rate\n"
        "2026-11-23 06:18:31Z  comp-critic  file          0% -> 10%     gateway: 0 -> 10\n");
  CHECK(cli::render_history(boost::json::parse(R"({"history":[]})"), plain) ==
        "nothing has been decided yet\n");
}

TEST_CASE("set, resume and rollback say what is now in force, and whether it is safe on disk") {
  const auto flag = [](const std::string& text) {
    return cli::render_flag("m_v2", boost::json::parse(text));
  };
  CHECK(flag(R"({"rollout_percentage":50,"effective":10,"limited_by":"file","durable":true})") ==
        "m_v2: flag 50%, effective 10%, limited by file\n");
  CHECK(contains(
      flag(R"({"rollout_percentage":0,"effective":0,"limited_by":"flag","durable":false})"),
      "in force; its commit to disk is on its way"));
  CHECK(cli::render_command("rolled back", boost::json::parse(R"({"model":"m","durable":true,
                              "weight":{"effective":0,"limited_by":"cap"}})")) ==
        "m rolled back: canary at 0%, limited by cap\n");
}

TEST_CASE("ages are told in two units at most") {
  struct Row {
    base::Duration age;
    std::string text;
  };
  const std::vector<Row> rows = {
      {0s, "0 s"}, {59s, "59 s"},   {60s, "1 min"}, {3599s, "59 min"}, {3h + 5min, "3 h 5 min"},
      {3h, "3 h"}, {52h, "2 d 4 h"}};
  for (const auto& row : rows) CHECK(cli::age(row.age) == row.text);
  CHECK(cli::when(boost::json::value(nullptr), now) == "never");
  CHECK(cli::when("2026-11-23T07:00:00.000Z", now) == "2026-11-23 07:00:00Z");
  CHECK(cli::when("yesterday", now) == "yesterday");
}

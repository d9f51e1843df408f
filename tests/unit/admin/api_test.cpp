#include "admin/api.hpp"

#include <catch2/catch.hpp>

#include "base/json_text.hpp"
#include "unit/admin/fixture.hpp"

using namespace canary;
using test::Caller;
using test::FakeGateway;

namespace {

std::string error(const std::string& code, const std::string& message) {
  return R"({"error":{"code":")" + code + R"(","message":)" + base::json_string(message) + "}}\n";
}

bool has_header(const net::HttpResponse& response, const std::string& name,
                const std::string& value) {
  for (const auto& header : response.headers)
    if (header.first == name && header.second == value) return true;
  return false;
}

}  // namespace

TEST_CASE("model-version answers the bytes of the table in force") {
  FakeGateway gateway;
  Caller call(gateway);
  for (const std::string target :
       {"/internal/model-version", "/internal/model-version?model=comp-critic",
        "/internal/model-version/comp-critic", "/internal/model-version/comp%2Dcritic"}) {
    INFO(target);
    const auto answer = call("GET", target);
    CHECK(answer.status == 200);
    CHECK(answer.body == R"({"model":"comp-critic_v1"})");
  }
  const auto unknown = call("GET", "/internal/model-version/nobody");
  CHECK(unknown.status == 404);
  CHECK(unknown.body == error("unknown_model", "no model 'nobody' (known: comp-critic)"));
  CHECK(call("GET", "/internal/model-version?model=nobody").status == 404);
  gateway.answers = nullptr;
  CHECK(call("GET", "/internal/model-version").status == 503);
}

TEST_CASE("the status has exactly the documented shape") {
  FakeGateway gateway;
  auto cells = gateway.registry.version("comp-critic", "comp-critic_v2", {});
  cells->requests->at(0).started.add(3);
  cells->requests->at(1).finished.add(1);
  const auto answer = Caller(gateway)("GET", "/internal/status");
  CHECK(answer.status == 200);
  CHECK(answer.content_type == "application/json");
  const std::string body = answer.body;
  CHECK(body.starts_with(
      R"({"config":{"generation":3,"loaded_at":"2023-11-14T22:13:20.000Z","last_error":null,)"
      R"("held":null,"path":"gateway.yaml","fallback":false,"warnings":[]},)"
      R"("models":[{"name":"comp-critic","stable":{"version":"comp-critic_v1","in_flight":0,)"
      R"("endpoints":[{"url":"http://a:1","address":"10.0.0.1:1","healthy":true,)"
      R"("state":"healthy","reason":null},)"
      R"({"url":"http://a:1","address":"10.0.0.2:1","healthy":false,)"
      R"("state":"ejected","reason":"refused"}]},)"
      R"("canary":{"version":"comp-critic_v2","in_flight":2,)"
      R"("endpoints":[{"url":"http://b:1","address":null,"healthy":false,)"
      R"("state":"unresolved","reason":null}]},)"
      R"("weight":{"file":10,"flag":100,"phase":100,"cap":100,"effective":10,)"
      R"("limited_by":"file"},)"
      R"("rollout":{"status":"running","phase":null,"reason":"10% of the traffic",)"
      R"("since":"2023-11-14T22:13:20.000Z","latched":false,"attempt":1,"last_refusal":null,)"
      R"("paused":false,)"
      R"("rollback":null,"stable_for_seconds":0},)"
      R"("criteria":[{"name":"error_rate","verdict":"inconclusive","value":0.002,"limit":0.005,)"
      R"x("samples":1000,"reason":"error rate 0.2% (2 of 1000 requests in 1m)",)x"
      R"("success_limit":0.001}],"durable":true}],)"
      R"("ready":true,"draining":false,"table":{"published":7,"in_force":7},"durable":true,)"
      R"("latch":{"slots":1023,"needed":2,"latched":1,"few_slots":false,"damages":0,)"
      R"("last_damage":"","fault":""},)"
      R"("notify":[],)"
      R"("gateway":{"version":)"));
}

TEST_CASE("the status shows a refused file and a model without a canary") {
  FakeGateway gateway;
  gateway.status.config.last_error = "gateway.yaml:3:1: unknown key";
  gateway.status.models[0].canary.reset();
  const auto body = Caller(gateway)("GET", "/internal/status").body;
  CHECK(body.find(R"("last_error":"gateway.yaml:3:1: unknown key")") != std::string::npos);
  CHECK(body.find(R"("canary":null)") != std::string::npos);
}

TEST_CASE("a flag is read, set and removed") {
  FakeGateway gateway;
  Caller call(gateway);
  const std::string flag = "/internal/flags/comp-critic_v2";
  CHECK(call("GET", flag).body ==
        "{\"rollout_percentage\":100,\"effective\":10,\"limited_by\":\"file\",\"durable\":true}\n");
  gateway.outcome.weight.flag = 50;
  gateway.outcome.weight.effective = 50;
  gateway.outcome.weight.limited_by = rollout::Weight::Limit::flag;
  gateway.outcome.durable = false;
  const auto set =
      call("PUT", flag, R"({"rollout_percentage": 0.5, "by": "ann", "reason": "slow"})");
  CHECK(set.status == 200);
  CHECK(set.body ==
        "{\"rollout_percentage\":0.5,\"effective\":0.5,\"limited_by\":\"flag\","
        "\"durable\":false}\n");
  CHECK(call("PUT", flag, R"({"rollout_percentage": 0})").status == 200);
  CHECK(call("DELETE", flag).status == 200);
  CHECK(gateway.commands == std::vector<std::string>{"set_flag comp-critic_v2 50 ann: slow",
                                                     "set_flag comp-critic_v2 0 operator: ",
                                                     "clear_flag comp-critic_v2 operator: "});
  CHECK(call("GET", "/internal/flags").body ==
        "{\"flags\":[{\"flag\":\"comp-critic_v2\",\"model\":\"comp-critic\","
        "\"rollout_percentage\":100,\"effective\":10,\"limited_by\":\"file\",\"set\":false}]}\n");
}

TEST_CASE("an unsound PUT changes nothing and says what is wrong") {
  struct Row {
    std::string body, message;
  };
  const std::vector<Row> rows = {
      {"", "the body needs 'rollout_percentage'"},
      {"{}", "the body needs 'rollout_percentage'"},
      {"nonsense", "the body is not JSON: "},
      {R"({"rollout_percentage": NaN})", "the body is not JSON: "},
      {R"({"rollout_percentage": 1e999})", "the body is not"},
      {R"({"rollout_percentage": "10"})", "'rollout_percentage' must be a number"},
      {R"({"rollout_percentage": null})", "'rollout_percentage' must be a number"},
      {R"({"rollout_percentage": -1})", "rollout_percentage: outside 0..100"},
      {R"({"rollout_percentage": 100.01})", "rollout_percentage: outside 0..100"},
      {R"({"rollout_percentage": 0.001})", "rollout_percentage: finer than 0.01 per cent"},
      {R"({"rollout_percentage": 1, "rollout_percentage": 0})",
       "the body is not usable: the key 'rollout_percentage' stands there twice"},
      {R"({"rollout_percentage": 1, "percent": 0})", "unknown key 'percent' in the body (known: "},
      {R"({"rollout_percentage": 1, "expects": {"phase": 1}})",
       "the body is not usable: unknown key 'expects' in the body (known: rollout_percentage, by, "
       "reason, expect; did you "
       "mean expect?)"},
      {R"({"expects": [1]})", "the body is not usable: unknown key 'expects' in the body (known: "},
      {R"({"rollout_percentage": 1, "expect": {"phases": 1}})",
       "unknown key 'phases' in 'expect' (known: phase, rollback; did you mean phase?)"},
      {R"({"expect": {"phase": {}}})", "the body is not usable: 'phase' may not be an object"},
      {R"({"expect": {"phase": []}})", "the body is not usable: 'phase' may not be an array"},
      {R"({"rollout_percentage": {"a": 1}})", "the body is not usable: 'rollout_percentage' may"},
      {R"({"rollout_percentage": [1]})", "the body is not usable: 'rollout_percentage' may"},
      {R"({"rollout_percentage": 1} {})", "the body is not JSON: there is text behind"},
      {"5", "the body is not usable: expected a JSON object"},
      {"[1]", "the body is not usable: expected a JSON object"},
      {R"({"rollout_percentage": 1, "by": "a\nb"})", "'by' holds a control character"},
      {R"({"rollout_percentage": 1, "by": ""})", "the body needs 'by'"},
      {R"({"rollout_percentage": 1, "by": 5})", "'by' must be a text"},
      {R"({"rollout_percentage": 1, "by": ")" + std::string(129, 'x') + "\"}",
       "'by' is longer than 128 bytes"},
  };
  FakeGateway gateway;
  Caller call(gateway);
  for (const auto& row : rows) {
    INFO(row.body);
    const auto answer = call("PUT", "/internal/flags/comp-critic_v2", row.body);
    CHECK(answer.status == 400);
    const std::string begins = R"({"error":{"code":"bad_request","message":")" + row.message;
    CHECK(answer.body.substr(0, begins.size()) == begins);
  }
  CHECK(gateway.commands.empty());
}

TEST_CASE("an unknown flag is a 404 that lists the known ones") {
  FakeGateway gateway;
  Caller call(gateway);
  const auto answer =
      call("PUT", "/internal/flags/comp-critic_v1", R"({"rollout_percentage": 10})");
  CHECK(answer.status == 404);
  CHECK(answer.body == error("unknown_flag",
                             "no canary version 'comp-critic_v1' (known: comp-critic_v2; did you "
                             "mean comp-critic_v2?)"));
  CHECK(call("GET", "/internal/flags/x").status == 404);
  CHECK(call("DELETE", "/internal/flags/x").status == 404);
  CHECK(gateway.commands.empty());
}

TEST_CASE("what the control plane refuses is passed on with its words") {
  FakeGateway gateway;
  Caller call(gateway);
  gateway.outcome.status = 409;
  gateway.outcome.message = "latched since ...: resume it first";
  const auto put = call("PUT", "/internal/flags/comp-critic_v2", R"({"rollout_percentage": 10})");
  CHECK(put.status == 409);
  CHECK(put.body == error("conflict", "latched since ...: resume it first"));
  gateway.outcome.status = 503;
  gateway.outcome.message = "the disk is full";
  CHECK(call("DELETE", "/internal/flags/comp-critic_v2").body ==
        error("not_committed", "the disk is full"));
  gateway.outcome.status = 404;
  gateway.outcome.message = "no model 'x'";
  CHECK(call("POST", "/internal/rollouts/x/resume", R"({"by":"a","reason":"b"})").status == 404);
}

TEST_CASE("latches are listed, and forgotten by name, with a reason") {
  FakeGateway gateway;
  Caller call(gateway);
  gateway.latched = {{"m", "m_v2", "rolled back by ann: \"slow\"",
                      base::WallTime(std::chrono::seconds(1'700'000'000)), 3, 2, false}};
  CHECK(call("GET", "/internal/latches").body ==
        R"({"latches":[{"model":"m","canary":"m_v2","since":"2023-11-14T22:13:20.000Z",)"
        R"("attempt":3,"rollbacks":2,"reason":"rolled back by ann: \"slow\"","named":false}]})"
        "\n");
  CHECK(call("POST", "/internal/latches/m_v2/forget", "{}").status == 400);
  CHECK(call("POST", "/internal/latches/m_v2/forget", R"({"by":"ann"})").status == 400);
  CHECK(gateway.commands.empty());
  const auto done =
      call("POST", "/internal/latches/m_v2/forget", R"({"by":"ann","reason":"gone"})");
  CHECK(done.status == 200);
  CHECK(done.body == "{\"version\":\"m_v2\",\"forgotten\":true}\n");
  CHECK(gateway.commands == std::vector<std::string>{"forget m_v2 ann: gone"});
  gateway.outcome.status = 409;
  CHECK(call("POST", "/internal/latches/m_v2/forget", R"({"by":"ann","reason":"x"})").status ==
        409);
  gateway.outcome.status = 200;
  gateway.status.models.at(0).rollout.rollbacks = 3;
  const auto expecting = [&](const std::string& expect) {
    return call("POST", "/internal/latches/m_v2/forget",
                R"({"by":"ann","reason":"x","expect":)" + expect + "}");
  };
  CHECK(expecting(R"({"rollback":3})").status == 200);
  CHECK(gateway.basis.rollback == 3U);
  CHECK(expecting(R"({"rollback":2})").status == 409);
  CHECK(expecting(R"({"rollback":-1})").status == 400);
}

TEST_CASE("resume and rollback need a name and a reason") {
  FakeGateway gateway;
  Caller call(gateway);
  const std::string command = GENERATE("resume", "rollback");
  const std::string path = "/internal/rollouts/comp-critic/" + command;
  struct Row {
    std::string body;
    int status;
    std::string message;
  };
  const std::vector<Row> rows = {
      {"{}", 400, "the body needs 'by': who asks for this"},
      {R"({"by":"ann"})", 400, "the body needs 'reason': why this is done"},
      {R"({"by":"ann","reason":" \u3164"})", 400, "the body needs 'reason': why this is done"},
  };
  for (const auto& row : rows) {
    INFO(row.body);
    const auto answer = call("POST", path, row.body);
    CHECK(answer.status == row.status);
    CHECK(answer.body.find(base::json_string(row.message)) != std::string::npos);
  }
  CHECK(gateway.commands.empty());
  const auto done = call("POST", path, R"({"by":"ann","reason":"r"})");
  CHECK(done.status == 200);
  CHECK(done.body ==
        "{\"model\":\"comp-critic\",\"weight\":{\"file\":10,\"flag\":100,\"phase\":100,"
        "\"cap\":100,\"effective\":10,\"limited_by\":\"file\"},\"durable\":true}\n");
  CHECK(gateway.commands == std::vector<std::string>{command + " comp-critic ann: r"});
}

TEST_CASE("a rollback is immediate or gradual") {
  FakeGateway gateway;
  Caller call(gateway);
  const std::string path = "/internal/rollouts/comp-critic/rollback";
  const auto unknown = call("POST", path, R"({"by":"ann","reason":"r","mode":"x"})");
  CHECK(unknown.status == 400);
  CHECK(unknown.body.find("unknown mode 'x' (known: immediate, gradual)") != std::string::npos);
  CHECK(call("POST", path, R"({"by":"ann","reason":"r","mode":"immediate"})").status == 200);
  CHECK(call("POST", path, R"({"by":"ann","reason":"r","mode":"gradual"})").status == 200);
  CHECK(gateway.commands == std::vector<std::string>{"rollback comp-critic ann: r",
                                                     "rollback comp-critic gradual ann: r"});
}

TEST_CASE("pause and promote ask who and why, and answer with the weight") {
  FakeGateway gateway;
  Caller call(gateway);
  for (const std::string command : {"pause", "promote"}) {
    const std::string path = "/internal/rollouts/comp-critic/" + command;
    CHECK(call("POST", path, R"({"by":"ann"})").status == 400);
    CHECK(call("POST", path, R"({"by":"ann","reason":"r","mode":"gradual"})").status == 400);
    CHECK(gateway.commands.empty());
    CHECK(call("POST", path, R"({"by":"ann","reason":"r"})").status == 200);
    CHECK(gateway.commands == std::vector<std::string>{command + " comp-critic ann: r"});
    gateway.commands.clear();
  }
}

TEST_CASE("a complaint is critical or minor, and is told with who and why") {
  FakeGateway gateway;
  Caller call(gateway);
  const std::string path = "/internal/rollouts/comp-critic/complaint";
  for (const char* body :
       {R"({"by":"ann","reason":"r"})", R"({"severity":"bad","by":"ann","reason":"r"})",
        R"({"severity":"critical","reason":"r"})", R"({"severity":"critical","by":"ann"})"}) {
    INFO(body);
    CHECK(call("POST", path, body).status == 400);
  }
  CHECK(gateway.commands.empty());
  CHECK(call("POST", path, R"({"severity":"critical","by":"ann","reason":"r"})").status == 200);
  CHECK(call("POST", path, R"({"severity":"minor","by":"bob","reason":"s"})").status == 200);
  CHECK(gateway.commands == std::vector<std::string>{"complaint comp-critic critical ann: r",
                                                     "complaint comp-critic minor bob: s"});
}

TEST_CASE("the status says where a rollout stands in its plan") {
  FakeGateway gateway;
  Caller call(gateway);
  gateway.status.models[0].phase = control::PhaseView{
      2, 3, 5000, std::chrono::hours(1), std::chrono::minutes(15), std::chrono::minutes(20)};
  const auto body = call("GET", "/internal/status").body;
  INFO(body);
  CHECK(body.find("\"status\":\"running\",\"phase\":2,") != std::string::npos);
  CHECK(body.find("\"phases\":3,\"percentage\":50,\"hold_seconds\":3600,\"judged_seconds\":900,"
                  "\"left_seconds\":2700,\"spent_seconds\":1200") != std::string::npos);
}

TEST_CASE("reload answers with the configuration that is now in force") {
  FakeGateway gateway;
  Caller call(gateway);
  const auto answer = call("POST", "/internal/reload", R"({"by":"ann"})");
  CHECK(answer.status == 200);
  CHECK(answer.body.starts_with(R"({"config":{"generation":3,)"));
  CHECK(gateway.commands == std::vector<std::string>{"reload ann"});
  gateway.outcome.status = 422;
  gateway.outcome.message = "gateway.yaml:1:1: unknown key";
  CHECK(call("POST", "/internal/reload").body == error("refused", "gateway.yaml:1:1: unknown key"));
}

TEST_CASE("the history and the report of a model that nobody knows are a 404 with the known ones") {
  FakeGateway gateway;
  Caller call(gateway);
  for (const std::string path :
       {"/internal/history?model=comp-critc", "/internal/report/comp-critc"}) {
    const auto answer = call("GET", path);
    CHECK(answer.status == 404);
    CHECK(answer.body == error("unknown_model",
                               "no model 'comp-critc' (known: comp-critic; did you mean "
                               "comp-critic?)"));
  }
  CHECK(call("GET", "/internal/history?model=comp-critic").status == 200);  // nothing decided yet
}

TEST_CASE("history rows carry actor, reason and numbers") {
  FakeGateway gateway;
  store::HistoryRow row;
  row.id = 5;
  row.time = base::WallTime(std::chrono::seconds(1'700'000'000));
  row.model = "comp-critic";
  row.canary = "comp-critic_v2";
  row.generation = 3;
  row.entry.kind = config::EntryKind::rollback;
  row.entry.actor = "gateway";
  row.entry.reason = "error rate";
  row.entry.before = 1000;
  gateway.rows = {row};
  Caller call(gateway);
  CHECK(call("GET", "/internal/history?model=comp-critic&limit=7").body ==
        "{\"history\":[{\"id\":5,\"time\":\"2023-11-14T22:13:20.000Z\",\"model\":\"comp-critic\","
        "\"canary\":\"comp-critic_v2\",\"generation\":3,\"kind\":\"rollback\","
        "\"actor\":\"gateway\",\"reason\":\"error rate\",\"before\":10,\"after\":0,\"phase\":null,"
        "\"reading\":null}]}\n");
  CHECK(call("GET", "/internal/history?model=gone").status == 200);  // it has a history
  CHECK(call("GET", "/internal/history").status == 200);
  CHECK(gateway.commands ==
        std::vector<std::string>{"history 'comp-critic' 7", "history 'gone' 50", "history '' 50"});
  for (const std::string limit : {"0", "1001", "x", "-1", "5x"})
    CHECK(call("GET", "/internal/history?limit=" + limit).status == 400);
}

TEST_CASE("readyz follows the table, the listeners and the drain; healthz only the process") {
  FakeGateway gateway;
  Caller call(gateway);
  CHECK(call("GET", "/internal/healthz").body == "{\"status\":\"ok\"}\n");
  CHECK(call("GET", "/internal/readyz").status == 200);
  CHECK(call("GET", "/internal/readyz").body ==
        "{\"ready\":true,\"state\":\"ready\",\"table\":{\"published\":7,\"in_force\":7}}\n");
  gateway.status.draining = true;
  CHECK(call("GET", "/internal/readyz").status == 503);
  CHECK(call("GET", "/internal/readyz").body.find("draining") != std::string::npos);
  gateway.status.draining = false;
  gateway.status.ready = false;
  CHECK(call("GET", "/internal/readyz").status == 503);
  CHECK(call("GET", "/internal/healthz").status == 200);
}

TEST_CASE("a wrong method is a 405 with Allow, a wrong path a 404") {
  FakeGateway gateway;
  Caller call(gateway);
  struct Row {
    std::string method, path, allow;
  };
  const std::vector<Row> rows = {
      {"POST", "/internal/status", "GET, HEAD"},
      {"PUT", "/metrics", "GET, HEAD"},
      {"POST", "/internal/flags/comp-critic_v2", "GET, HEAD, PUT, DELETE"},
      {"GET", "/internal/reload", "POST"},
      {"GET", "/internal/rollouts/comp-critic/rollback", "POST"},
  };
  for (const auto& row : rows) {
    INFO(row.method << " " << row.path);
    const auto answer = call(row.method, row.path);
    CHECK(answer.status == 405);
    CHECK(has_header(answer, "Allow", row.allow));
  }
  for (const std::string path :
       {"/", "/internal", "/internal/", "/internal/flags/", "/internal/status/x", "/internal/%zz",
        "/ofrep/v1/evaluate/flags/x", "//internal/status"}) {
    INFO(path);
    CHECK(call("GET", path).status == 404);
  }
  CHECK(call("HEAD", "/internal/healthz").status == 200);
  CHECK(gateway.commands.empty());
}

// What commands say they were decided on, keys for retries, and names.
#include "admin/basis.hpp"

#include <catch2/catch.hpp>

#include "admin/command_keys.hpp"
#include "admin/operator_name.hpp"
#include "unit/admin/fixture.hpp"

using namespace canary;
using namespace canary::test;

namespace {

const std::string promote = "/internal/rollouts/comp-critic/promote";
const std::string who = R"("by":"ann","reason":"r")";

std::string header(const net::HttpResponse& response, const std::string& name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return {};
}

std::string body_with(const std::string& expect) {
  return "{" + who + ",\"expect\":" + expect + "}";
}

}  // namespace

TEST_CASE("expect reaches the control plane, with every command that changes something") {
  FakeGateway gateway;
  gateway.status.models[0].rollout.phase = 2;
  gateway.status.models[0].rollout.rollbacks = 3;
  Caller call(gateway);
  for (const char* command : {"promote", "pause", "resume", "rollback"}) {
    const std::string path = std::string("/internal/rollouts/comp-critic/") + command;
    CHECK(call("POST", path, body_with(R"({"phase":2,"rollback":3})")).status == 200);
    CHECK(gateway.basis.phase == 2u);
    CHECK(gateway.basis.rollback == 3u);
    CHECK(call("POST", path, "{" + who + "}").status == 200);
    CHECK_FALSE(gateway.basis.is_stated());
  }
  CHECK(call("POST", "/internal/rollouts/comp-critic/complaint",
             R"({"severity":"minor","by":"a","reason":"r","expect":{"rollback":3}})")
            .status == 200);
  const std::string flag = "/internal/flags/comp-critic_v2";
  CHECK(call("PUT", flag, R"({"rollout_percentage":1,"expect":{"phase":2}})").status == 200);
  CHECK(gateway.basis.phase == 2u);
  CHECK(call("DELETE", flag, R"({"expect":{"phase":2}})").status == 200);
  const auto stale = call("DELETE", flag, R"({"expect":{"phase":1}})");
  CHECK(stale.status == 409);
  CHECK(stale.body.find("expectation_failed") != std::string::npos);
  CHECK(stale.body.find("in phase 2 now") != std::string::npos);
}

TEST_CASE("an expect that cannot be read is 400, and nothing is done") {
  FakeGateway gateway;
  Caller call(gateway);
  for (const char* expect :
       {"5", "null", "[]", "{}", R"({"phases":2})", R"({"phase":2.5})", R"({"phase":-1})",
        R"({"phase":"2"})", R"({"phase":1e300})", R"({"phase":true})", R"({"phase":{}})",
        R"({"phase":1,"phase":1})", R"({"rollback":[1]})", R"({"phase":4294967296})",
        R"({"phase":1},"expect":{"phase":1})"}) {
    INFO(expect);
    const auto answer = call("POST", promote, body_with(expect));
    CHECK(answer.status == 400);
  }
  // No other key's value may be an object, and what looks like a path is none.
  CHECK(call("POST", promote, R"({"by":{"phase":1},"reason":"r"})").status == 400);
  CHECK(call("POST", promote, R"({"by":"a","reason":"r","expect.phase":1})").status == 400);
  CHECK(call("POST", "/internal/reload", R"({"expect":{"phase":1}})").status == 400);
  CHECK(gateway.commands.empty());
}

TEST_CASE("the status's tag changes with what a decision rests on, and with nothing else") {
  FakeGateway gateway;
  Caller call(gateway);
  const auto tag = [&] { return header(call("GET", "/internal/status"), "ETag"); };
  const std::string first = tag();
  CHECK(first.size() == 34);
  CHECK(first.front() == '"');
  auto& model = gateway.status.models[0];
  model.criteria[0].samples = 77;
  model.criteria[0].verdict = analysis::Verdict::success;
  model.rollout.judged += 1s;
  model.rollout.reason = "newer numbers";
  model.durable = false;
  gateway.status.table_generation++;
  CHECK(tag() == first);
  const std::vector<std::function<void()>> changes = {
      [&] { model.rollout.phase = 2; },
      [&] { model.rollout.latched = true; },
      [&] { model.rollout.rollbacks = 1; },
      [&] { model.rollout.paused = true; },
      [&] { model.rollout.attempt = 2; },
      [&] { model.rollout.status = rollout::Status::held; },
      [&] { model.weight.file = 2000; },
      [&] { model.weight.flag = 2000; },
      [&] { model.weight.phase = 2000; },
      [&] { model.weight.cap = 2000; },
      [&] { model.rollout.flag = base::full_weight; },
      [&] { model.canary = "comp-critic_v3"; },
      [&] { gateway.status.config.generation++; },
      [&] { gateway.status.config.loaded_at += 1s; },
      [&] { gateway.status.models.push_back(split_model()); },
  };
  std::string before = first;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    changes[i]();
    CAPTURE(i);
    CHECK(tag() != before);
    before = tag();
  }
}

TEST_CASE("If-Match holds while the status is as it was") {
  FakeGateway gateway;
  Caller call(gateway);
  const std::string tag = header(call("GET", "/internal/status"), "ETag");
  const auto with = [&](const std::string& value) {
    return call("POST", promote, "{" + who + "}", {{"If-Match", value}}).status;
  };
  CHECK(with(tag) == 200);
  CHECK(gateway.basis.names_phase());
  CHECK(with("\"other\", " + tag) == 200);
  CHECK(with("*") == 200);
  CHECK_FALSE(gateway.basis.is_stated());
  CHECK(with("\"other\"") == 409);
  CHECK(with("W/" + tag) == 409);  // a weak tag matches nothing
  for (const char* broken :
       {"", "x", "\"a", "\"a\" \"b\"", "*, \"a\"", ",", "W/", "\"a b\"", "w/\"a\""}) {
    INFO(broken);
    CHECK(with(broken) == 400);
  }
  CHECK(call("POST", promote, "{" + who + "}", {{"If-Match", "\"x\""}, {"if-match", tag}}).status ==
        200);
  gateway.status.models[0].rollout.phase = 2;
  CHECK(with(tag) == 409);
  CHECK(call("POST", "/internal/reload", "", {{"If-Match", tag}}).status == 409);
  CHECK(call("PUT", "/internal/flags/comp-critic_v2", R"({"rollout_percentage":1})",
             {{"If-Match", tag}})
            .status == 409);
}

TEST_CASE("a command with a key is done once, and answered the same again") {
  FakeGateway gateway;
  gateway.outcome.message = "first";
  Caller call(gateway);
  const Caller::Headers key = {{"Idempotency-Key", "k-1"}};
  const auto first = call("POST", promote, "{" + who + "}", key);
  CHECK(first.status == 200);
  gateway.outcome.message = "second";
  const auto again = call("POST", promote, "{" + who + "}", key);
  CHECK(again.status == 200);
  CHECK(again.body == first.body);
  CHECK(header(again, "Idempotency-Replayed") == "true");
  CHECK(gateway.commands.size() == 1);
  const auto other = call("POST", promote, R"({"by":"bob","reason":"r"})", key);
  CHECK(other.status == 422);
  CHECK(call("POST", "/internal/rollouts/comp-critic/pause", "{" + who + "}", key).status == 422);
  CHECK(call("POST", promote, "{" + who + "}", {{"Idempotency-Key", "k-2"}}).status == 200);
  CHECK(gateway.commands.size() == 2);
  // A refusal is an answer as well.
  gateway.outcome.status = 409;
  const Caller::Headers refused = {{"Idempotency-Key", "k-3"}};
  CHECK(call("POST", promote, "{" + who + "}", refused).status == 409);
  gateway.outcome.status = 200;
  CHECK(call("POST", promote, "{" + who + "}", refused).status == 409);
  // What was not done for lack of a disk may be tried anew with the same key.
  gateway.outcome.status = 503;
  const Caller::Headers disk = {{"Idempotency-Key", "k-4"}};
  CHECK(call("POST", promote, "{" + who + "}", disk).status == 503);
  gateway.outcome.status = 200;
  CHECK(call("POST", promote, "{" + who + "}", disk).status == 200);
}

TEST_CASE("a key is one, of 1 to 255 printable characters") {
  FakeGateway gateway;
  Caller call(gateway);
  const auto with = [&](const Caller::Headers& headers) {
    return call("POST", promote, "{" + who + "}", headers).status;
  };
  CHECK(with({{"Idempotency-Key", ""}}) == 400);
  CHECK(with({{"Idempotency-Key", std::string(256, 'x')}}) == 400);
  CHECK(with({{"Idempotency-Key", "a\xC3\xA9"}}) == 400);
  CHECK(with({{"Idempotency-Key", "a"}, {"idempotency-key", "a"}}) == 400);
  CHECK(gateway.commands.empty());
  CHECK(with({{"Idempotency-Key", std::string(255, 'x')}}) == 200);
}

TEST_CASE("while a command is under way its key is taken") {
  FakeGateway gateway;
  gateway.answers_later = true;
  Caller call(gateway);
  const Caller::Headers key = {{"Idempotency-Key", "k"}};
  std::optional<net::HttpResponse> first;
  call.send("POST", promote, "{" + who + "}", key, [&](auto response) { first = response; });
  CHECK_FALSE(first);
  const auto meanwhile = call("POST", promote, "{" + who + "}", key);
  CHECK(meanwhile.status == 409);
  CHECK(meanwhile.body.find("in_progress") != std::string::npos);
  CHECK(header(meanwhile, "Retry-After") == "1");
  gateway.waiting.at(0)(gateway.outcome);
  REQUIRE(first);
  CHECK(call("POST", promote, "{" + who + "}", key).body == first->body);
  CHECK(gateway.commands.size() == 1);
}

TEST_CASE("keys outlive the process; what it did not answer is not done again") {
  FakeGateway first;
  Caller call(first);
  call("POST", promote, "{" + who + "}", {{"Idempotency-Key", "answered"}});
  first.answers_later = true;
  call.send("POST", promote, "{" + who + "}", {{"Idempotency-Key", "cut"}}, [](auto) {});
  REQUIRE(first.remembered.size() == 3);  // begun, answered, begun
  CHECK(first.remembered[0].status == 0);

  FakeGateway second;
  second.known_commands = {first.remembered[1], first.remembered[2]};
  Caller again(second);
  const auto replayed = again("POST", promote, "{" + who + "}", {{"Idempotency-Key", "answered"}});
  CHECK(replayed.status == 200);
  CHECK(header(replayed, "Idempotency-Replayed") == "true");
  const auto cut = again("POST", promote, "{" + who + "}", {{"Idempotency-Key", "cut"}});
  CHECK(cut.status == 409);
  CHECK(cut.body.find("interrupted") != std::string::npos);
  CHECK(second.commands.empty());
}

TEST_CASE("keys are forgotten after a day, and the oldest beyond the bound") {
  FakeGateway gateway;
  Caller call(gateway);
  const auto send = [&](const std::string& key) {
    call("POST", promote, "{" + who + "}", {{"Idempotency-Key", key}});
    return gateway.commands.size();
  };
  send("old");
  gateway.now += admin::CommandKeys::keep_for - 1s;
  CHECK(send("old") == 1);
  gateway.now += 1s;
  CHECK(send("old") == 2);
  CHECK(gateway.forgotten == std::vector<std::string>{"old"});
  for (std::size_t i = 0; i <= store::command_capacity + 1; ++i) send(std::to_string(i));
  const auto before = gateway.commands.size();
  CHECK(send(std::to_string(store::command_capacity + 1)) == before);
  CHECK(send("0") == before + 1);
}

TEST_CASE("nobody but the gateway is called gateway") {
  using admin::operator_name;
  for (const char* name :
       {"gateway",
        "file",
        "SIGHUP",
        "Gateway",
        "GATEWAY",
        "  gateway ",
        "gate way",
        "gate-way",
        "[gateway]",
        "g\xD0\xB0teway",         // Cyrillic a
        "\xC9\xA1\xD0\xB0teway",  // and a script g
        "\xEF\xBD\x87\xEF\xBD\x81\xEF\xBD\x94\xEF\xBD\x85\xEF\xBD\x97\xEF\xBD\x81\xEF\xBD\x99",
        "gateway\xCC\x81",  // with an accent
        "\xC2\xA0gateway",  // after a no-break space
        "gate\xE3\x80\x80way",
        "gatevvay",
        "gateuuay",
        "9ateway",
        "6ATEWAY",
        "g4teway",
        "g@teway",
        "ga7eway",
        "gat3way",
        "qateway",
        "gateway1",
        "gateway#2",
        "1gateway",
        "GATEWAY\xC4\xB0",         // and a dotted capital I
        "\xC4\xB0gatew\xC3\xA4y",  // one in front, and an umlaut
        "\xF0\x9D\x90\xA0"
        "ateway"}) {
    INFO(name);
    const auto kept = operator_name(name);
    REQUIRE(kept);
    CHECK(kept->substr(0, 9) == "operator:");
  }
  for (const char* name :
       {"", " ", "\xC2\xA0", "\xE2\x80\x8B", "gate\xE2\x80\x8Bway", "\xE2\x80\xAEyawetag",
        "gateway\xEF\xB8\x8F", "a\xC2\x9B", "a\nb", "\xE3\x85\xA4", "a\xFF", "\xC0\x80",
        "\xED\xA0\x80", "a\xF3\xA0\x81\x81"}) {
    INFO(name);
    CHECK_FALSE(operator_name(name).has_value());
  }
  for (const char* name :
       {"ann", "gateway-team", "the gateway", "operator", "Zo\xC3\xAB", "\xE6\x9D\x8E\xE9\x9B\xB7",
        "ann (on call)", "gatewa", "1234567", "g1", "gatekeeper",
        // eight letters of another script
        "\xD0\x98\xD0\xB2\xD0\xB0\xD0\xBD\xD0\xBE\xD0\xB2\xD0\xB8\xD1\x87"}) {
    INFO(name);
    CHECK(*operator_name(name) == name);
  }
  CHECK(*operator_name("  ann ") == "ann");
  FakeGateway gateway;
  Caller call(gateway);
  CHECK(call("POST", promote, R"({"by":"Gateway","reason":"r"})").status == 200);
  CHECK(call("PUT", "/internal/flags/comp-critic_v2", R"({"rollout_percentage":1,"by":"gateway"})")
            .status == 200);
  CHECK(gateway.commands ==
        std::vector<std::string>{"promote comp-critic operator:Gateway: r",
                                 "set_flag comp-critic_v2 100 operator:gateway: "});
  CHECK(call("POST", promote, R"({"by":"\u200b","reason":"r"})").status == 400);
}

TEST_CASE("too many entries that change nothing are 429, with the time to wait") {
  FakeGateway gateway;
  gateway.outcome.status = 429;
  gateway.outcome.message = "too many";
  Caller call(gateway);
  const auto answer = call("POST", promote, "{" + who + "}");
  CHECK(answer.status == 429);
  CHECK(header(answer, "Retry-After") == "1");
}

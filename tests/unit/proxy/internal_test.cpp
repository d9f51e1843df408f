// What the data listener answers by itself.
#include <catch2/catch.hpp>

#include "support/running_worker.hpp"
#include "traffic/model_version.hpp"

namespace canary::proxy {
namespace {

using namespace test;

void announce(RunningWorker& gateway, base::BasisPoints weight) {
  const auto answers = traffic::render_model_version(*gateway.table(weight));
  gateway.ask([&](Worker& worker) { worker.announce(answers); });
}

}  // namespace

TEST_CASE("GET /internal/model-version answers with exactly the announced bytes") {
  Upstream stable(always(ok("stable"))), canary(always(ok("canary")));
  RunningWorker gateway(one_model(stable.port, canary.port));
  Client client(gateway.port);
  CHECK(client.ask(get("/internal/model-version")).status() == 503);
  announce(gateway, 0);
  for (const char* target : {"/internal/model-version", "/internal/model-version?model=m",
                             "/internal/model-version?m%6Fdel=%6d", "/internal/model-version/m"}) {
    const Message answer = client.ask(get(target));
    CHECK(answer.start_line() == "HTTP/1.1 200 OK");
    CHECK(answer.field("Content-Type") == "application/json");
    CHECK(answer.body == R"({"model":"m_v1"})");
  }
  announce(gateway, 1000);
  CHECK(client.ask(get("/internal/model-version")).body ==
        R"({"model":"m_v1","canary":{"model":"m_v2","rollout_percentage":10}})");
  announce(gateway, 10000);
  CHECK(client.ask(get("/internal/model-version")).body == R"({"model":"m_v2"})");
  CHECK(gateway.stable().started + gateway.canary().started == 0);
}

TEST_CASE("Nothing else under /internal or /ofrep is there, nor does it reach an upstream") {
  Upstream upstream(always(ok("leaked")));
  RunningWorker gateway(one_model(upstream.port));
  announce(gateway, 0);
  const auto request = GENERATE(
      get("/internal"), get("/internal/"), get("/internal/status"), get("/internal/flags/m_v2"),
      get("/internal/model-version/other"), get("/internal/model-version?model=other"),
      post("/internal/model-version", ""), post("/internal/reload", "{}"),
      get("/ofrep/v1/evaluate/flags/x"), std::string("OPTIONS /internal/x HTTP/1.0\r\n\r\n"),
      get("http://gw/internal/status"));
  CAPTURE(request);
  Client client(gateway.port);
  const Message answer = client.ask(request);
  CHECK(answer.status() == 404);
  CHECK(answer.body.find("leaked") == std::string::npos);
  CHECK(upstream.connections() == 0);
  CHECK(gateway.stable().started == 0);
}

TEST_CASE("A path that only begins alike is a model's") {
  Upstream upstream(always(ok("model")));
  RunningWorker gateway(one_model(upstream.port));
  CHECK(Client(gateway.port).ask(get("/internals")).body == "model");
}

TEST_CASE("Pipelined requests that the gateway answers by itself do not keep others waiting") {
  Upstream upstream(always(ok("served")));
  RunningWorker gateway(one_model(upstream.port));
  announce(gateway, 0);
  // More requests than a turn, in one piece: whoever comes second is served among them.
  std::string many;
  for (int i = 0; i < 1000; ++i) many += get("/internal/model-version");
  Client greedy(gateway.port), other(gateway.port);
  greedy.send(many);
  CHECK(other.ask(get("/")).body == "served");
  for (int i = 0; i < 1000; ++i) REQUIRE(read_message(greedy).status() == 200);
}

}  // namespace canary::proxy

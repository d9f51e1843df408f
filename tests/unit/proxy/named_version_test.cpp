// A version that the path names: what the client gets, and what is made of it.
#include <catch2/catch.hpp>

#include "support/running_worker.hpp"

namespace canary::proxy {
namespace {

using namespace test;
using Charges = std::map<std::string, std::uint64_t>;

config::Config by_name(std::uint16_t stable, std::uint16_t canary) {
  config::Config config = one_model(stable, canary);
  config.models[0].match = {{"", "", "", "", config::Kserve::v2, "m"}};
  return config;
}

std::string infer(std::string_view version) {
  return post("/v2/models/m/versions/" + std::string(version) + "/infer", "{}");
}

}  // namespace

TEST_CASE("A named version answers whatever the split says, and is no evidence") {
  Upstream stable(always(ok("stable"))), canary(always(ok("canary")));
  RunningWorker gateway(by_name(stable.port, canary.port), 1);
  Client client(gateway.port);
  for (const char* name : {"m_v2", "v2", "2", "%32"})
    CHECK(client.ask(infer(name)).body == "canary");
  CHECK(canary.seen()[3].start_line() == "POST /v2/models/m/versions/%32/infer HTTP/1.1");
  gateway.install(10000);
  CHECK(client.ask(infer("1")).body == "stable");
  CHECK(client.ask(post("/v2/models/m/infer", "{}")).body == "canary");
  CHECK(gateway.canary().charges() == 5);
  CHECK(gateway.canary().evidence == 1);
  CHECK(gateway.stable().charges() == 1);
  CHECK(gateway.stable().evidence == 0);
}

TEST_CASE("A version that is not configured is a 404 that says which are, charged to nobody") {
  Upstream stable(always(ok("stable"))), canary(always(ok("canary")));
  RunningWorker gateway(by_name(stable.port, canary.port), 5000);
  const Message refused = Client(gateway.port).ask(infer("3"));
  CHECK(refused.status() == 404);
  CHECK(refused.body.find("\"no_such_version\"") != std::string::npos);
  CHECK(refused.body.find("configured: m_v1 m_v2") != std::string::npos);
  CHECK(refused.field("X-Model-Version") == "(none)");
  CHECK(Client(gateway.port).ask(infer("1")).body == "stable");
  CHECK(gateway.stable().charges() + gateway.canary().charges() == 1);
}

TEST_CASE("Zero is zero for a client that names the canary, unless it is allowed to") {
  Upstream stable(always(ok("stable"))), canary(always(ok("canary")));
  config::Config config = by_name(stable.port, canary.port);
  const bool at_zero = GENERATE(false, true);
  if (at_zero)
    config.models[0].override_ =
        config::Override{.header = "X-Canary", .cookie = {}, .at_zero = true};
  RunningWorker gateway(config);
  const Message answer = Client(gateway.port).ask(infer("2"));
  CHECK(answer.status() == (at_zero ? 200 : 404));
  CHECK((answer.body.find("\"version_not_served\"") != std::string::npos) == !at_zero);
  CHECK(canary.seen().size() == (at_zero ? 1 : 0));
}

TEST_CASE("Stable does not answer for a canary that was asked for by name") {
  Upstream stable(always(ok("stable")));
  const RefusingPort canary;
  RunningWorker gateway(by_name(stable.port, canary.port), 5000);
  Client client(gateway.port);
  CHECK(client.ask(infer("2")).status() == 502);
  CHECK(gateway.canary().by_code == Charges{{"connect_error 0", 1}});
  CHECK(gateway.canary().evidence == 0);
  CHECK(stable.seen().empty());
}

}  // namespace canary::proxy

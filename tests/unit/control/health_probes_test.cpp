#include "control/health_probes.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include "unit/control/built_table.hpp"

using namespace canary;
using namespace canary::control;
using namespace std::chrono_literals;

namespace {

/// Probes of tables made from a Config; what is sent waits for the test's answer.
struct Fixture : BuiltTable {
  Fixture() : BuiltTable({"127.0.0.1", 2}, 1) {
    config::Model& model = config.models[0];
    model.health.path = "/ready?x";
    model.health.interval = 1s;
    model.health.timeout = 700ms;
  }
  struct Sent {
    net::Probe probe;
    std::function<void(base::Result<int>)> answer;
  };
  void publish() {
    build(traffic::lookup_numeric);
    probes.follow(*table);
  }
  /// Every endpoint's probe, under way.
  std::vector<Sent> ask_all() {
    clock.advance(1s);
    probes.tick();
    REQUIRE(sent.size() == 3);
    return std::exchange(sent, {});
  }
  /// So many ticks of 100 ms; what is sent is answered as `status` says.
  void pass(int ticks, const std::function<base::Result<int>(const std::string& host)>& status) {
    for (int i = 0; i < ticks; ++i) {
      clock.advance(100ms);
      probes.tick();
      for (auto& [probe, answer] : std::exchange(sent, {})) {
        ++asked[probe.host];
        answer(status(probe.host));
      }
    }
  }
  const HealthProbes::Endpoint& first() {
    return *probes.find(table->models[0], table->models[0].stable,
                        table->models[0].stable.endpoints[0]);
  }
  traffic::EndpointHealth& canary_health() { return *table->models[0].canary->endpoints[0].health; }
  traffic::EndpointHealth& health(std::size_t i) {
    return *table->models[0].stable.endpoints[i].health;
  }

  base::ManualClock clock;
  std::vector<Sent> sent;
  std::map<std::string, int> asked;
  HealthProbes probes{clock,
                      [this](const net::Probe& probe, auto answer) {
                        sent.push_back({probe, std::move(answer)});
                      },
                      1};
};

base::Result<int> well(const std::string&) { return 200; }
base::Result<int> sick(const std::string&) { return 503; }

}  // namespace

TEST_CASE("so many results in a row change a verdict, and one of the other kind begins anew",
          "[probes]") {
  config::Health rules;
  rules.unhealthy_after = 3;
  rules.healthy_after = 2;
  struct Row {
    std::string results, verdicts;  // after each result: H or U
  };
  for (const Row& row : std::vector<Row>{{"++++", "HHHH"},
                                         {"---", "HHU"},
                                         {"--+--+--", "HHHHHHHH"},
                                         {"---+-+-++", "HHUUUUUUH"},
                                         {"---++---", "HHUUHHHU"}}) {
    ProbeVerdict verdict;
    std::string seen;
    for (const char result : row.results) {
      const bool before = verdict.healthy;
      const bool changed = verdict.take(result == '+', rules);
      CHECK(changed == (before != verdict.healthy));
      seen += verdict.healthy ? 'H' : 'U';
    }
    CHECK(seen == row.verdicts);
  }
}

TEST_CASE("every endpoint of both versions is asked in each interval, not all at once",
          "[probes]") {
  Fixture f;
  f.config.models[0].stable.endpoints.clear();
  for (std::uint16_t port = 1; port <= 100; ++port)
    f.config.models[0].stable.endpoints.push_back({"127.0.0.1", port});
  f.config.models[0].canary->endpoints = {{"127.0.0.1", 101}};
  f.publish();
  std::size_t most = 0, all = 0;
  for (int i = 0; i < 100; ++i) {
    f.clock.advance(100ms);
    f.probes.tick();
    if (i > 0) most = std::max(most, f.sent.size());
    all += f.sent.size();
    for (auto& [probe, answer] : std::exchange(f.sent, {})) {
      CHECK(probe.target == "/ready?x");
      CHECK(probe.timeout == 700ms);
      ++f.asked[probe.host];
      answer(200);
    }
  }
  CHECK(f.asked.size() == 101);  // the canary, which has no weight, among them
  for (const auto& [host, count] : f.asked) CHECK(std::abs(count - 9) <= 2);
  CHECK(most < 30);  // of 101, in a tenth of the interval
  CHECK(all > 800);
}

TEST_CASE("workers are told when the verdict changes, and why is kept", "[probes]") {
  Fixture f;
  f.publish();
  f.pass(20, well);
  CHECK(f.health(0).healthy);
  CHECK(f.health(0).answered > 0);
  CHECK(f.first().problem.empty());
  const auto one_sick = [](const std::string& host) -> base::Result<int> {
    if (host == "127.0.0.1:1")
      return base::Error("connect: Connection refused", base::Source::upstream);
    return 204;
  };
  const auto failed_before = f.asked["127.0.0.1:1"];
  while (f.asked["127.0.0.1:1"] < failed_before + 2) f.pass(1, one_sick);
  CHECK(f.health(0).healthy);
  while (f.asked["127.0.0.1:1"] < failed_before + 3) f.pass(1, one_sick);
  CHECK_FALSE(f.health(0).healthy);
  CHECK(f.health(1).healthy);
  CHECK(f.first().problem == "connect: Connection refused");
  CHECK(f.first().failed == 3);
  f.pass(30, well);
  CHECK(f.health(0).healthy);
  CHECK(f.first().changes == 2);
}

TEST_CASE(
    "after an outage of all, the first that is healthy speaks for the others until they are asked",
    "[probes]") {
  Fixture f;
  f.publish();
  f.pass(60, sick);
  for (const std::size_t i : {0u, 1u}) REQUIRE_FALSE(f.health(i).healthy);
  REQUIRE_FALSE(f.canary_health().healthy);
  const bool others_are_well = GENERATE(true, false);
  const auto status = [&](const std::string& host) -> base::Result<int> {
    return others_are_well || host == "127.0.0.1:1" ? 200 : 503;
  };
  while (!f.health(0).healthy && !f.health(1).healthy && !f.canary_health().healthy)
    f.pass(1, status);
  CHECK(f.health(0).healthy);
  CHECK(f.health(1).healthy);
  CHECK(f.canary_health().healthy);
  f.asked.clear();
  f.pass(1, status);
  CHECK(f.asked.size() >= 2);  // the others, at once
  CHECK(f.health(1).healthy == others_are_well);
  CHECK(f.canary_health().healthy == others_are_well);
}

TEST_CASE("after an outage of all, who is back a moment after the first is asked again soon",
          "[probes]") {
  Fixture f;
  f.config.models[0].health.interval = 10s;
  f.publish();
  f.pass(600, sick);
  const auto only_canary_sick = [](const std::string& host) -> base::Result<int> {
    return host == "127.0.0.1:3" ? 503 : 200;
  };
  while (!f.health(0).healthy) f.pass(1, only_canary_sick);
  f.pass(3, only_canary_sick);
  REQUIRE_FALSE(f.canary_health().healthy);
  int ticks = 0;
  for (; !f.canary_health().healthy; ++ticks) f.pass(1, well);
  CHECK(ticks <= 12);  // two good ones, of an interval of 100 ticks
  f.asked.clear();
  f.pass(300, well);
  CHECK(f.asked["127.0.0.1:3"] <= 4);  // in the interval again
  SECTION("but not for ever") {
    f.pass(600, sick);
    while (!f.health(0).healthy) f.pass(1, only_canary_sick);
    f.asked.clear();
    f.pass(600, only_canary_sick);
    CHECK(f.asked["127.0.0.1:3"] <= 12);  // six in 60 s, and five that were doubled up to it
  }
}

TEST_CASE("an outage that not all have noticed ends for all of them at once", "[probes]") {
  Fixture f;
  f.publish();
  f.pass(20, well);
  // Until the first is called unhealthy; the others have failed as well, but not often enough.
  const auto all_healthy = [&] {
    return f.health(0).healthy && f.health(1).healthy && f.canary_health().healthy;
  };
  while (all_healthy()) f.pass(1, sick);
  CHECK(f.health(0).failing_since > 0);
  CHECK(f.health(1).failing_since > 0);
  CHECK(f.canary_health().failing_since > 0);
  for (int i = 0; i < 20 && !all_healthy(); ++i) f.pass(1, well);
  CHECK(all_healthy());  // the first probe of another has ended it
  f.pass(20, well);
  CHECK(f.health(0).failing_since == 0);
  CHECK(all_healthy());
}

TEST_CASE("our own lack of descriptors is nobody's failure", "[probes]") {
  Fixture f;
  f.publish();
  f.pass(20, well);
  f.asked.clear();
  f.pass(200, [](const std::string&) -> base::Result<int> {
    return base::Error("connect: Too many open files", base::Source::internal);
  });
  CHECK(f.asked["127.0.0.1:1"] > 10);  // and it is asked again
  CHECK(f.health(0).healthy);
  CHECK(f.canary_health().healthy);
  CHECK(f.first().failed == 0);
}

TEST_CASE("a probe of the only healthy one that fails brings nobody back who was out before",
          "[probes]") {
  Fixture f;
  f.publish();
  const auto only = [](std::string well) {
    return
        [well](const std::string& host) -> base::Result<int> { return host == well ? 200 : 503; };
  };
  f.pass(100, only("127.0.0.1:1"));
  REQUIRE_FALSE(f.health(1).healthy);
  REQUIRE_FALSE(f.canary_health().healthy);
  const auto since = f.canary_health().failing_since.load();
  f.pass(12, sick);  // one or two probes
  f.pass(12, only("127.0.0.1:1"));
  CHECK(f.health(0).healthy);
  CHECK_FALSE(f.health(1).healthy);
  CHECK_FALSE(f.canary_health().healthy);
  CHECK(f.canary_health().failing_since == since);
}

TEST_CASE("an answer tells of when it was asked for", "[probes]") {
  Fixture f;
  f.publish();
  auto sent = f.ask_all();
  // Asked at the same time, but the canary's fails, and stable's comes later and is good.
  const auto by_host = [](const auto& a, const auto& b) { return a.probe.host < b.probe.host; };
  std::sort(sent.begin(), sent.end(), by_host);
  f.clock.advance(10ms);
  sent[2].answer(503);
  f.clock.advance(10ms);
  sent[0].answer(200);
  CHECK(f.health(0).answered < f.canary_health().failing_since);
  f.pass(20, well);
  CHECK(f.canary_health().failing_since == 0);
}

TEST_CASE("while one is healthy, nobody else is believed in", "[probes]") {
  Fixture f;
  f.publish();
  const auto first_is_well = [](const std::string& host) -> base::Result<int> {
    return host == "127.0.0.1:1" ? 200 : 503;
  };
  f.pass(60, first_is_well);
  f.pass(60, [](const std::string& host) -> base::Result<int> {
    return host == "127.0.0.1:3" ? 503 : 200;
  });
  CHECK(f.health(1).healthy);  // has come back
  CHECK_FALSE(f.canary_health().healthy);
}

TEST_CASE("only 2xx is healthy", "[probes]") {
  const auto [status, healthy] = GENERATE(table<int, bool>({{200, true},
                                                            {204, true},
                                                            {299, true},
                                                            {301, false},
                                                            {404, false},
                                                            {429, false},
                                                            {500, false},
                                                            {503, false}}));
  Fixture f;
  f.publish();
  f.pass(60, [status = status](const std::string&) { return base::Result<int>(status); });
  CHECK(f.health(0).healthy == healthy);
  CHECK(f.first().problem == (healthy ? "" : "status " + std::to_string(status)));
}

TEST_CASE("an endpoint that has not answered yet is not asked again", "[probes]") {
  Fixture f;
  f.publish();
  for (int i = 0; i < 100; ++i) {
    f.clock.advance(100ms);
    f.probes.tick();
  }
  CHECK(f.sent.size() == 3);
}

TEST_CASE("what is known outlives a new table, and what left it is not asked", "[probes]") {
  Fixture f;
  f.publish();
  f.pass(60, sick);
  CHECK_FALSE(f.health(0).healthy);
  f.config.models[0].stable.endpoints = {{"127.0.0.1", 9}, {"127.0.0.1", 1}};
  f.publish();
  CHECK(f.health(0).healthy);  // new, and not known to be otherwise
  CHECK_FALSE(f.health(1).healthy);
  f.asked.clear();
  f.pass(30, well);
  CHECK(f.asked.count("127.0.0.1:2") == 0);
  CHECK(f.asked["127.0.0.1:9"] > 1);
  CHECK(f.health(1).healthy);
}

TEST_CASE("an answer that comes when its endpoint, or whoever asked, is gone is for nobody",
          "[probes]") {
  Fixture f;
  f.publish();
  auto late = f.ask_all();
  f.config.models[0].health.path.clear();
  f.publish();
  CHECK_FALSE(f.table->models[0].stable.endpoints[0].health);
  late[0].answer(500);
  {
    HealthProbes short_lived(
        f.clock,
        [&](const net::Probe& probe, auto answer) {
          f.sent.push_back({probe, answer});
        },
        1);
    f.config.models[0].health.path = "/";
    f.table = traffic::build_table(f.config, {}, traffic::lookup_numeric, f.registry, f.cells, 9);
    short_lived.follow(*f.table);
    f.clock.advance(1s);
    short_lived.tick();
  }
  REQUIRE_FALSE(f.sent.empty());
  f.sent[0].answer(500);
  CHECK(f.health(0).healthy);
}

TEST_CASE("no more than 256 probes are under way at once", "[probes]") {
  Fixture f;
  f.config.models[0].stable.endpoints.clear();
  for (std::uint16_t port = 1; port <= 300; ++port)
    f.config.models[0].stable.endpoints.push_back({"127.0.0.1", port});
  f.publish();
  f.clock.advance(10s);
  f.probes.tick();
  CHECK(f.sent.size() == 256);
  f.sent[0].answer(200);
  f.clock.advance(100ms);
  f.probes.tick();
  CHECK(f.sent.size() == 257);
}

TEST_CASE_METHOD(Fixture, "a probe that fails in a pause of the process says nothing", "[probes]") {
  publish();
  const auto ask_again = [this] {
    clock.advance(2s);
    probes.tick();
    return std::exchange(sent, {});
  };
  auto asked = ask_all();
  clock.pause(1h);
  for (auto& each : asked)
    each.answer(base::Error("read: no answer in time", base::Source::upstream));
  CHECK(first().failed == 0);
  probes.tick();
  REQUIRE(sent.size() == 3);  // asked again at once
  for (auto& each : std::exchange(sent, {})) each.answer(200);
  CHECK(first().succeeded == 1);
  // An answer counts, whenever it is seen.
  asked = ask_again();
  clock.pause(1h);
  for (auto& each : asked) each.answer(503);
  CHECK(first().failed == 1);
  // And so does a failure without a pause.
  asked = ask_again();
  for (auto& each : asked)
    each.answer(base::Error("read: no answer in time", base::Source::upstream));
  CHECK(first().failed == 2);
}

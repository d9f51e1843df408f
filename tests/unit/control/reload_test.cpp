// A configuration is a transaction: it is taken up whole, or the old one stays.
#include "unit/control/control_fixture.hpp"

using namespace canary;
using namespace canary::control;
using support::TempDir;

TEST_CASE("a reload takes up the file's percentage and says so") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  Yaml half;
  half.percentage = "50";
  house.write(half);
  CHECK(house.reload().status == 200);
  CHECK(house.effective() == 5000);
  const auto status = house.controller->status();
  CHECK(status.config.generation == 2);
  CHECK(status.config.last_reload_ok);
  CHECK(house.slot()->file == 5000);
  (void)house.history();  // the journal's thread has done what came before
  CHECK(support::read_file(house.state_path() / "last-accepted.yaml") ==
        support::read_file(house.config_path()));
}

TEST_CASE("the same text again is a success that publishes nothing") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  const auto tables = house.plane.published.size();
  for (int i = 0; i < 20; ++i) CHECK(house.reload().status == 200);
  CHECK(house.plane.published.size() == tables);
  CHECK(house.controller->status().config.generation == 1);
}

TEST_CASE("reloads that come while one runs share the next one") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.plane.at_once = false;
  const auto tables = house.plane.published.size();
  int answered = 0;
  for (int i = 0; i < 100; ++i) {
    Yaml yaml;
    yaml.percentage = std::to_string(10 + i % 7) + ".5";
    house.write(yaml);
    house.controller->reload("test", [&](const Outcome& outcome) {
      CHECK(outcome.status == 200);
      ++answered;
    });
  }
  house.plane.at_once = true;
  house.run_until([&] { return answered == 100; });
  CHECK(house.plane.published.size() - tables <= 3);
  CHECK(house.effective() == 1150);  // the last text: 10 + 99 % 7
}

TEST_CASE("any problem keeps the old configuration and is told") {
  struct Row {
    const char* what;
    std::function<void(House&)> write;
    const char* said;
  };
  const Row rows[] = {
      {"broken text", [](House& h) { support::write_file(h.config_path(), "models: [oops"); },
       "gateway.yaml:"},
      {"no file", [](House& h) { std::filesystem::remove(h.config_path()); }, "cannot read"},
      {"an unknown key",
       [](House& h) {
         Yaml yaml;
         yaml.extra = "    rollout_percent: 5\n";
         h.write(yaml);
       },
       "rollout_percent"},
      {"a fixed key",
       [](House& h) {
         Yaml yaml;
         yaml.state_dir = "/elsewhere";
         support::write_file(h.config_path(), yaml.text());
       },
       "state_dir cannot be changed by a reload"},
      {"a name that cannot be latched",
       [](House& h) {
         Yaml yaml;
         yaml.canary = std::string(230, 'v');
         h.write(yaml);
       },
       nullptr},
  };
  for (const Row& row : rows) {
    const TempDir dir;
    House house(dir);
    house.write({});
    house.start();
    const auto good = support::read_file(house.config_path());
    const auto tables = house.plane.published.size();
    row.write(house);
    CAPTURE(row.what);
    const Outcome refused = house.reload();
    CHECK(refused.status == 422);
    if (row.said) CHECK_THAT(refused.message, Catch::Contains(row.said));
    auto status = house.controller->status();
    CHECK_FALSE(status.config.last_reload_ok);
    CHECK(status.config.last_error == refused.message);
    CHECK(status.config.generation == 1);
    CHECK(house.plane.published.size() == tables);
    CHECK(house.effective() == 1000);

    support::write_file(house.config_path(), good);
    CHECK(house.reload().status == 200);
    status = house.controller->status();
    CHECK(status.config.last_reload_ok);
    CHECK(status.config.last_error.empty());
  }
}

TEST_CASE("raising the file while latched is accepted, recorded once, and changes no weight") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.fail_canary();
  Yaml half;
  half.percentage = "50";
  house.write(half);
  CHECK(house.reload().status == 200);
  CHECK(house.effective() == 0);
  CHECK(house.model().weight.file == 5000);
  CHECK_THAT(house.model().last_refusal, Catch::Contains("10% -> 50%"));
  CHECK(house.controller->refusals()[0].count == 1);
  CHECK(house.history()[0].entry.kind == config::EntryKind::refused);
  house.run_until([&] { return house.model().durable; });
  house.crash();
  House again(dir);
  again.start();
  CHECK(again.effective() == 0);
  CHECK(again.controller->refusals().empty());
  int refused = 0;
  for (const auto& row : again.history()) refused += row.entry.kind == config::EntryKind::refused;
  CHECK(refused == 1);
}

TEST_CASE("removing a model keeps its latch for its return") {
  const TempDir dir;
  House house(dir);
  Yaml with;
  Yaml without;
  without.model = "other";
  without.stable = "o_v1";
  without.canary = "o_v2";
  house.write(with);
  house.start();
  house.fail_canary();
  house.write(without);
  REQUIRE(house.reload().status == 200);
  CHECK(house.controller->status().models[0].model == "other");
  house.write(with);
  REQUIRE(house.reload().status == 200);
  CHECK(house.model().rollout.latched);
}

TEST_CASE("a canary may be added and removed") {
  const TempDir dir;
  House house(dir);
  Yaml none;
  none.canary.clear();
  house.write(none);
  house.start();
  CHECK_FALSE(house.model().canary);
  CHECK(house.controller->answers()->all == R"({"model":"m_v1"})");
  house.write({});
  REQUIRE(house.reload().status == 200);
  CHECK(house.effective() == 1000);
  house.write(none);
  REQUIRE(house.reload().status == 200);
  CHECK_FALSE(house.plane.last().models[0].canary);
  CHECK(house.slot()->file == 0);
}

TEST_CASE("an SLO that changes while the window fills begins new evidence") {
  const TempDir dir;
  House house(dir);
  Yaml yaml;
  yaml.extra = "    slo: { latency_p95: 1s }\n";
  house.write(yaml);
  house.start();
  house.observe("m_v2", 50, false, std::chrono::milliseconds(400));
  house.run_until([&] { return house.model().criteria[1].samples == 50; });
  yaml.extra = "    slo: { latency_p95: 100ms }\n";
  house.write(yaml);
  REQUIRE(house.reload().status == 200);
  // A tick on the new bounds: what was measured against the old ones is no evidence.
  house.run_until([&] { return house.model().criteria[1].samples == 0; });
  CHECK_FALSE(house.model().rollout.latched);
}

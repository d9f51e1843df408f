// What follows a weight of 0: proof, watch, and whom it is told.
#include "unit/control/control_fixture.hpp"

using namespace canary;
using namespace canary::control;
using support::TempDir;
using namespace std::chrono_literals;

namespace {

/// Ticks once a simulated second, until the condition holds.
void tick_until(House& house, const std::function<bool()>& condition) {
  house.run_until([&] {
    house.clock.advance(1s);
    house.controller->tick();
    return condition();
  });
}

rollout::ProofStep proof(const House& house) { return house.model().rollout.proof; }

/// Opens a request at the canary, as a worker would count it.
void begin_request(House& house) {
  for (const auto& version : house.registry.all())
    if (version->version == "m_v2") version->requests->at(0).started.add();
}
void end_request(House& house) {
  for (const auto& version : house.registry.all())
    if (version->version == "m_v2") version->requests->at(0).finished.add();
}

std::vector<std::string> kinds(House& house) {
  std::vector<std::string> kinds;
  for (const auto& row : house.history()) kinds.emplace(kinds.begin(), name(row.entry.kind));
  return kinds;
}

}  // namespace

TEST_CASE("a rollback is proved step by step, watched, and each step is in the history") {
  const TempDir dir;
  House house(dir);
  Yaml yaml;
  house.write(yaml);
  house.start();
  begin_request(house);
  house.fail_canary();
  house.run_until([&] { return proof(house) == rollout::ProofStep::draining; });
  tick_until(house, [&] { return house.clock.mono().time_since_epoch() > 1h + 5s; });
  CHECK(proof(house) == rollout::ProofStep::draining);  // a request is still there
  CHECK(house.asked == 0);
  end_request(house);
  tick_until(house, [&] { return proof(house) == rollout::ProofStep::watching; });
  CHECK(house.plane.ended.empty());
  CHECK(house.asked == 1);
  CHECK_THAT(house.row(config::EntryKind::verified)->entry.reason,
             Catch::Contains(R"({"model":"m_v1"})"));
  house.observe("m_v1", 100, false);
  tick_until(house, [&] { return proof(house) == rollout::ProofStep::none; });
  CHECK(kinds(house) ==
        std::vector<std::string>{"file", "rollback", "in_force", "drained", "verified", "watched"});
  house.run_until([&] { return house.notifier.sent.size() == 6; });
  CHECK(house.notifier.told() ==
        "command file, rollback rollback, step in_force, step drained, step verified, step "
        "watched");
}

TEST_CASE("what does not end within the drain time is closed, and counted") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  begin_request(house);
  begin_request(house);
  CHECK(house.set_flag(0).status == 200);
  tick_until(house, [&] { return !house.plane.ended.empty(); });
  CHECK(house.plane.ended == std::vector<std::pair<std::string, std::string>>{{"m", "m_v2"}});
  end_request(house);
  end_request(house);
  tick_until(house, [&] { return proof(house) == rollout::ProofStep::watching; });
  CHECK(house.plane.ended.size() == 1);
  CHECK_THAT(house.row(config::EntryKind::drained)->entry.reason,
             Catch::Contains("2 requests to m_v2 were still in flight") &&
                 Catch::Contains("and were closed"));
}

TEST_CASE("a listener that answers otherwise is asked again, and then called unverified") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.wire_answer = base::Error("connect: refused");
  house.rollback();
  tick_until(house, [&] { return proof(house) == rollout::ProofStep::watching; });
  CHECK(house.asked > 5);
  const auto row = house.row(config::EntryKind::unverified);
  REQUIRE(row);
  CHECK_THAT(row->entry.reason, Catch::Contains("connect: refused"));
}

TEST_CASE("a proof goes on after a crash, and a raise ends it") {
  const TempDir dir;
  {
    House house(dir);
    house.write({});
    house.start();
    begin_request(house);
    house.rollback();
    house.run_until([&] { return proof(house) == rollout::ProofStep::draining; });
    REQUIRE(house.row(config::EntryKind::in_force));
    house.crash();
  }
  House house(dir);
  house.start();
  tick_until(house, [&] { return proof(house) == rollout::ProofStep::watching; });
  CHECK(house.row(config::EntryKind::verified));
  CHECK(house.resume().status == 200);
  CHECK(proof(house) == rollout::ProofStep::none);
  CHECK(house.effective() == 1000);
}

TEST_CASE("what was not delivered before a stop is handed over at the next start") {
  const TempDir dir;
  std::string id;
  {
    House house(dir);
    house.write({});
    house.start();
    house.rollback();
    house.run_until([&] { return house.notifier.sent.size() >= 2; });
    id = house.notifier.sent[1].id;
    REQUIRE(house.notifier.sent[1].body == "rollback rollback");
    house.row(config::EntryKind::rollback);  // read after what was committed before
    house.journal->settle(house.notifier.sent[0].id, "fake");
  }
  House house(dir);
  house.start();
  REQUIRE_FALSE(house.notifier.sent.empty());
  CHECK(house.notifier.sent[0].id == id);
  for (const auto& message : house.notifier.sent) CHECK(message.body != "command file");
}

TEST_CASE("a rollback that a crash took from the database is told again under the id it had") {
  const TempDir dir;
  std::string id;
  {
    House house(dir);
    house.write({});
    house.start();
    house.history();  // what the start wrote is on the disk
    support::copy_tree(house.state_path(), dir / "before");
    house.rollback();
    id = house.notifier.sent.back().id;
    for (const auto& message : house.notifier.sent)
      if (message.body == "rollback rollback") id = message.id;
    house.crash();
    // What kill -9 before the commit leaves: the latch file knows, the database does not.
    for (const char* name : {"state.db", "state.db-wal", "state.db-shm"}) {
      std::filesystem::remove(house.state_path() / name);
      if (std::filesystem::exists(dir / "before" / name))
        std::filesystem::copy_file(dir / "before" / name, house.state_path() / name);
    }
  }
  House house(dir);
  house.start();
  CHECK(house.model().rollout.latched);
  CHECK(house.model().rollout.rollbacks == 1);
  std::vector<std::string> ids;
  for (const auto& message : house.notifier.sent)
    if (message.body == "rollback rollback") ids.push_back(message.id);
  CHECK(ids == std::vector<std::string>{id});
}

TEST_CASE("a gradual rollback goes down by ticks in force, and its end is proved") {
  const TempDir dir;
  House house(dir);
  Yaml yaml;
  yaml.percentage = "100";
  yaml.extra =
      "    rollback: { mode: gradual, ladder: [50, 10, 0], rung_hold: 5s, watch: 5s, drain: 1s }\n";
  house.write(yaml);
  house.start();
  house.observe("m_v2", 50, true);
  tick_until(house, [&] { return house.effective() == 5000; });
  CHECK(house.model().rollout.status == rollout::Status::rolling_back);
  tick_until(house, [&] { return house.effective() == 1000; });
  CHECK(house.slot()->cap == 1000);
  CHECK_FALSE(house.slot()->latched);
  tick_until(house, [&] { return house.model().rollout.latched; });
  tick_until(house, [&] { return proof(house) == rollout::ProofStep::none; });
  CHECK(kinds(house) == std::vector<std::string>{"file", "rollback", "rung", "rung", "in_force",
                                                 "drained", "verified", "watched"});
  const auto counts = house.controller->rollbacks();
  REQUIRE(counts.size() == 1);
  CHECK(counts[0].mode == "gradual");
  CHECK(counts[0].count == 1);
}

TEST_CASE("a ladder is still a ladder after a crash, and no rung is climbed") {
  const TempDir dir;
  {
    House house(dir);
    Yaml yaml;
    yaml.percentage = "100";
    yaml.extra = "    rollback: { mode: gradual, rung_hold: 5s }\n";
    house.write(yaml);
    house.start();
    house.observe("m_v2", 50, true);
    tick_until(house, [&] { return house.effective() == 2500; });
    house.crash();
  }
  House house(dir);
  house.start();
  CHECK(house.effective() == 2500);
  CHECK(house.model().rollout.status == rollout::Status::rolling_back);
  CHECK(house.set_flag(10000).status == 200);
  CHECK(house.effective() == 2500);
  tick_until(house, [&] { return house.model().rollout.latched; });
}

TEST_CASE("quality is a criterion where something measures it, and keeps its reference at 100%") {
  const TempDir dir;
  House house(dir);
  Yaml yaml;
  yaml.percentage = "50";
  house.write(yaml);
  house.quality = analysis::QualityEvidence{1.2, 1.0, 100, 100};
  house.start();
  house.observe("m_v2", 50, false);
  tick_until(house, [&] { return house.model().rollout.latched; });
  CHECK(house.model().rollout.trigger == "quality_degradation");
  CHECK_THAT(house.model().rollout.reason, Catch::Contains("quality degradation 20% > 15%"));
  CHECK(house.resume().status == 200);
  house.quality = analysis::QualityEvidence{1.0, 1.0, 100, 100};
  house.observe("m_v2", 50, false);
  tick_until(house, [&] { return house.model().criteria.size() == 2; });
  yaml.percentage = "100";
  house.write(yaml);
  house.reload();
  house.quality = analysis::QualityEvidence{1.3, 0, 100, 0};
  house.observe("m_v2", 50, false);
  tick_until(house, [&] { return house.model().rollout.latched; });
  CHECK(house.model().rollout.trigger == "quality_degradation");
}

// The latch is the version's: it closes for ever, over renamed models, moved versions and attempts
// raised for others. Only resume, a higher attempt than any seen, or forget opens it.
#include <algorithm>

#include "support/source_dir.hpp"
#include "support/temp_dir.hpp"
#include "unit/control/control_fixture.hpp"

using namespace canary;
using namespace canary::control;
using support::TempDir;

namespace {

/// One edit of the file: its model, canary, attempt.
struct Edit {
  std::string model, canary;
  int attempt;
  bool latched;  // what must come of it for the canary named
  bool restart = false;
};

Yaml yaml_of(const Edit& edit) {
  Yaml yaml;
  yaml.model = edit.model;
  yaml.canary = edit.canary;
  yaml.attempt = edit.attempt;
  return yaml;
}

Outcome roll_back(House& house, const std::string& model) {
  return house.await([&](Done done) {
    house.controller->rollback(model, rollout::Mode::immediate, {"bob", "bad"}, std::move(done));
  });
}

Outcome forget(House& house, const std::string& version) {
  return house.await([&](Done done) {
    house.controller->forget(version, {"ann", "never again"}, std::move(done));
  });
}

}  // namespace

TEST_CASE("what opens a latch: an attempt that no version of the model has seen") {
  struct Row {
    const char* what;
    std::vector<Edit> edits;
  };
  const Row rows[] = {
      {"the attempt raised for v3 opens nothing of v2",
       {{"m", "m_v3", 1, false},
        {"m", "m_v3", 2, false},
        {"m", "m_v2", 2, true},
        {"m", "m_v2", 3, false}}},
      {"the same over a restart",
       {{"m", "m_v3", 2, false, true},
        {"m", "m_v2", 2, true, true},
        {"m", "m_v2", 3, false, true}}},
      {"up and down and up again", {{"m", "m_v2", 2, false}, {"m", "m_v2", 1, false}}},
      {"seen while v3 was there, lowered since",
       {{"m", "m_v3", 5, false},
        {"m", "m_v3", 1, false},
        {"m", "m_v2", 5, true},
        {"m", "m_v2", 6, false}}},
      {"seen while the model had no canary", {{"m", "", 2, false}, {"m", "m_v2", 2, true}}},
      {"a renamed model", {{"k", "m_v2", 1, true}, {"m", "m_v2", 1, true}, {"k", "m_v2", 1, true}}},
      {"a model renamed while nobody ran", {{"k", "m_v2", 1, true, true}, {"m", "m_v2", 1, true}}},
      {"renamed and raised in one edit", {{"k", "m_v2", 2, false}, {"m", "m_v2", 2, false}}},
      {"away, renamed, and back",
       {{"m", "m_v3", 1, false}, {"k", "m_v3", 1, false}, {"k", "m_v2", 1, true}}},
      {"another model's attempt counts for the version that comes to it",
       {{"k", "k_v2", 7, false}, {"k", "m_v2", 7, true}, {"k", "m_v2", 8, false}}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const TempDir dir;
    auto house = std::make_unique<House>(dir);
    house->write({});
    house->start();
    roll_back(*house, "m");
    for (std::size_t i = 0; i < row.edits.size(); ++i) {
      const Edit& edit = row.edits[i];
      CAPTURE(i);
      house->write(yaml_of(edit));
      if (edit.restart) {
        house->run_until([&] { return house->settled(); });
        house->crash();
        house = std::make_unique<House>(dir);
        house->start();
      } else {
        REQUIRE(house->reload().status == 200);
      }
      if (edit.canary.empty()) continue;
      CHECK(house->model().rollout.latched == edit.latched);
      CHECK(house->effective() == (edit.latched ? 0 : 1000));
    }
  }
}

TEST_CASE("a renamed model goes on where it was; a version that moves to another begins anew") {
  const TempDir dir;
  const std::string plan =
      "    plan: { phases: [{ percentage: 10, hold: 1h }, { percentage: 50, hold: 1h }] }\n";
  House house(dir);
  Yaml yaml;
  yaml.percentage = "100";
  yaml.extra = plan;
  house.write(yaml);
  house.start();
  house.await([&](Done done) {
    house.controller->promote("m", {"a", "b"}, std::move(done), Basis{1, {}});
  });
  REQUIRE(house.effective() == 5000);
  SECTION("renamed") {
    yaml.model = "k";
    house.write(yaml);
    REQUIRE(house.reload().status == 200);
    CHECK(house.effective() == 5000);
    CHECK(house.model().rollout.phase == 2);
    CHECK(house.row(config::EntryKind::moved)->entry.reason.find("was m's") != std::string::npos);
  }
  SECTION("moved") {
    Yaml both = yaml;
    both.canary = "m_v3";
    both.more_models =
        "  k:\n    match: [{ path_prefix: /k }]\n"
        "    stable: { version: k_v1, endpoints: [\"http://127.0.0.1:9001\"] }\n"
        "    canary: { version: m_v2, endpoints: [\"http://127.0.0.1:9002\"] }\n" +
        plan;
    house.write(both);
    REQUIRE(house.reload().status == 200);
    const std::size_t k = house.model(0).model == "k" ? 0 : 1;
    CHECK(house.model(k).weight.effective == 1000);
    CHECK(house.model(k).rollout.phase == 1);
  }
}

TEST_CASE("a gradual rollback goes on under a new name, and is latched by an absence") {
  const TempDir dir;
  House house(dir);
  Yaml yaml;
  yaml.percentage = "60";
  yaml.extra = "    rollback: { ladder: [50, 25, 0], rung_hold: 1h }\n";
  house.write(yaml);
  house.start();
  house.await([&](Done done) {
    house.controller->rollback("m", rollout::Mode::gradual, {"bob", "slow"}, std::move(done));
  });
  REQUIRE(house.effective() == 5000);
  SECTION("renamed") {
    yaml.model = "k";
    house.write(yaml);
    REQUIRE(house.reload().status == 200);
    CHECK(house.effective() == 5000);
    CHECK(house.model().rollout.status == rollout::Status::rolling_back);
    return;
  }
  Yaml other = yaml;
  other.canary = "m_v3";
  house.write(other);
  REQUIRE(house.reload().status == 200);
  house.write(yaml);
  REQUIRE(house.reload().status == 200);
  CHECK(house.effective() == 0);
  CHECK(house.model().rollout.latched);
}

TEST_CASE("a lowering that comes while a rename is on its way is not lost") {
  const TempDir dir;
  House house(dir);
  Yaml yaml;
  house.write(yaml);
  house.start();
  yaml.model = "k";
  yaml.percentage = "20";  // a raise: it waits for the disk
  house.write(yaml);
  std::optional<Outcome> reloaded;
  house.controller->reload("test", [&](Outcome outcome) { reloaded = outcome; });
  std::optional<Outcome> rolled_back;
  house.controller->rollback("m", rollout::Mode::immediate, {"bob", "bad"},
                             [&](Outcome outcome) { rolled_back = outcome; });
  house.run_until([&] { return reloaded && rolled_back; });
  CHECK(rolled_back->status == 200);
  CHECK(house.controller->status().models.at(0).model == "k");
  CHECK(house.model().rollout.latched);
  CHECK(house.effective() == 0);
}

TEST_CASE("a raise that a rename overtakes does not take effect under the old name") {
  const TempDir dir;
  House house(dir);
  Yaml yaml;
  house.write(yaml);
  house.start();
  REQUIRE(house.set_flag(500).status == 200);
  std::optional<Outcome> raised;
  yaml.model = "k";
  house.write(yaml);
  house.controller->set_flag("m_v2", 800, {"ann", ""}, [&](Outcome outcome) { raised = outcome; });
  REQUIRE(house.reload().status == 200);
  house.run_until([&] { return raised.has_value(); });
  CHECK(house.effective() == (raised->status == 200 ? 800 : 500));
  house.crash();
  House again(dir);
  again.start();
  CHECK(again.effective() == (raised->status == 200 ? 800 : 500));
}

TEST_CASE("naming a version as stable asks for its latch under whatever model it was") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  roll_back(house, "m");
  Yaml yaml;
  yaml.model = "k";
  yaml.stable = "m_v2";
  yaml.canary = "m_v3";
  house.write(yaml);
  const auto outcome = house.reload();
  CHECK(outcome.status == 422);
  CHECK_THAT(outcome.message, Catch::Contains("rolled back"));
}

TEST_CASE("a refused file leaves nothing behind") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  Yaml yaml;
  yaml.model = std::string(120, 'k');
  yaml.canary = std::string(120, 'v');  // together too long for a slot
  yaml.more_models =
      "  n:\n    match: [{ path_prefix: /n }]\n"
      "    stable: { version: n_v1, endpoints: [\"http://127.0.0.1:9001\"] }\n"
      "    canary: { version: n_v2, endpoints: [\"http://127.0.0.1:9002\"] }\n";
  house.write(yaml);
  REQUIRE(house.reload().status == 422);
  CHECK(forget(house, "n_v2").status == 404);
  house.write({});
  CHECK(house.reload().status == 200);
}

TEST_CASE("slots: what is neither named nor latched is freed, the rest is told early") {
  const TempDir dir;
  {
    auto file = store::LatchFile::open([&] {
      std::filesystem::create_directory(dir / "state");
      return dir / "state";
    }());
    REQUIRE(file.has_value());
    store::LatchSlot idle, latched;
    idle.file = 0;
    latched.latched = true;
    latched.cap = 0;
    latched.file = 0;
    for (int i = 0; i < 500; ++i)
      REQUIRE(file->write("m", "idle" + std::to_string(i), idle).has_value());
    for (int i = 500; i < 1023; ++i)
      REQUIRE(file->write("m", "latched" + std::to_string(i), latched).has_value());
  }
  House house(dir);
  house.write({});
  house.start();
  CHECK(house.slot("m_v2"));
  CHECK_FALSE(house.slot("idle7"));
  CHECK(house.slot("latched700")->latched);
  house.controller->tick();
  const auto view = house.controller->status().latch;
  CHECK(view.slots == 1023);
  CHECK(view.needed == 524);
  CHECK(view.latched == 523);
  CHECK_FALSE(view.few);
}

TEST_CASE("with every slot latched a new canary is refused with the remedy, and forget is one") {
  const TempDir dir;
  std::filesystem::create_directory(dir / "state");
  {
    auto file = store::LatchFile::open(dir / "state");
    REQUIRE(file.has_value());
    store::LatchSlot latched;
    latched.latched = true;
    latched.cap = latched.file = 0;
    for (int i = 0; i < 1022; ++i)
      REQUIRE(file->write("m", "v" + std::to_string(i), latched).has_value());
  }
  House house(dir);
  house.write({});
  house.start();
  roll_back(house, "m");
  house.controller->tick();
  CHECK(house.controller->status().latch.few);
  CHECK(house.controller->latched().size() == 1023);
  Yaml next;
  next.canary = "m_v3";
  house.write(next);
  const auto refused = house.reload();
  REQUIRE(refused.status == 422);
  CHECK_THAT(refused.message, Catch::Contains("canary-gateway forget"));

  CHECK(forget(house, "m_v2").status == 409);  // the file names it
  CHECK(forget(house, "m_v1").status == 409);
  CHECK(forget(house, "nobody").status == 404);
  REQUIRE(forget(house, "v17").status == 200);
  CHECK_FALSE(house.slot("v17"));
  const auto row = house.row(config::EntryKind::forget);
  REQUIRE(row);
  CHECK(row->entry.actor == "ann");
  CHECK_THAT(row->entry.reason, Catch::Contains("never again"));
  CHECK(house.reload().status == 200);
  CHECK(house.effective() == 1000);
  next.canary = "v17";
  house.write(next);
  REQUIRE(house.reload().status == 422);  // full again, m_v3 is not latched but m_v2 is
}

TEST_CASE(
    "what was forgotten stays forgotten after a restart, and its rollbacks keep their names") {
  const TempDir dir;
  {
    House house(dir);
    house.write({});
    house.start();
    roll_back(house, "m");
    Yaml next;
    next.canary = "m_v3";
    house.write(next);
    REQUIRE(house.reload().status == 200);
    REQUIRE(forget(house, "m_v2").status == 200);
    house.crash();
  }
  House house(dir);
  house.write({});
  house.start();
  CHECK_FALSE(house.model().rollout.latched);
  CHECK(house.effective() == 1000);
  roll_back(house, "m");
  CHECK(house.model().rollout.rollbacks == 2);
}

TEST_CASE("a latch file harmed while it runs is made anew, and the rollback after it is kept") {
  const TempDir dir;
  {
    House house(dir);
    house.write({});
    house.start();
    std::filesystem::resize_file(dir / "state" / "latch", 0);
    SECTION("seen before the rollback") {
      house.controller->tick();
      CHECK(house.controller->status().latch.damages == 1);
      CHECK_THAT(house.controller->status().latch.last_damage, Catch::Contains("0 bytes"));
    }
    SECTION("seen after it") {}
    roll_back(house, "m");
    house.controller->tick();
    CHECK(house.controller->status().latch.damages == 1);
    CHECK(house.controller->status().latch.fault.empty());
    house.crash();
  }
  // Without the database the latch file alone says it.
  for (const char* name : {"state.db", "state.db-wal", "state.db-shm"})
    std::filesystem::remove(dir / "state" / name);
  House again(dir);
  again.start();
  CHECK(again.slot()->latched);
  CHECK(again.model().rollout.latched);
}

TEST_CASE("a rollback that a crash kept from the disk is told again in the same words") {
  const TempDir dir;
  std::optional<notify::Notice> first;
  std::optional<store::HistoryRow> recorded;
  const auto before = dir / "before";
  {
    House house(dir);
    house.write({});
    house.start();
    house.run_until([&] { return house.settled(); });
    house.crash();
    std::filesystem::copy(house.state_path(), before);
  }
  {
    House house(dir);
    house.start();
    SECTION("by an operator") { roll_back(house, "m"); }
    SECTION("by evidence") { house.fail_canary(); }
    SECTION("by a flag at 0") { house.set_flag(0); }
    for (const auto& notice : house.notifier.notices)
      if (notice.kind == config::NoticeKind::rollback) first = notice;
    house.crash();
  }
  REQUIRE(first);
  // What kill -9 on a full disk leaves: the database of before, the latch file of now.
  for (const char* name : {"state.db", "state.db-wal", "state.db-shm"}) {
    std::filesystem::remove(dir / "state" / name);
    if (std::filesystem::exists(before / name))
      std::filesystem::copy(before / name, dir / "state" / name);
  }
  House again(dir);
  again.clock.advance(std::chrono::hours(5));
  again.start();
  again.run_until([&] { return again.model().durable; });
  std::optional<notify::Notice> second;
  for (const auto& notice : again.notifier.notices)
    if (notice.kind == config::NoticeKind::rollback) second = notice;
  REQUIRE(second);
  CHECK(second->id == first->id);
  CHECK(second->time == first->time);
  CHECK(second->reason == first->reason);
  CHECK(second->trigger == first->trigger);
  CHECK(second->actor == first->actor);
  CHECK(second->stable == "m_v1");
  CHECK(second->before == first->before);
  CHECK(second->measured.has_value() == first->measured.has_value());
  const auto rows = again.history();
  const auto same = std::count_if(rows.begin(), rows.end(), [&](const auto& row) {
    return row.entry.reason == first->reason && row.time == first->time;
  });
  CHECK(same == 1);
}

TEST_CASE("the first message of all names the stable version") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  REQUIRE_FALSE(house.notifier.notices.empty());
  for (const auto& notice : house.notifier.notices) CHECK(notice.stable == "m_v1");
}

TEST_CASE("a lost latch file after a crash latches, after an orderly end it does not") {
  const TempDir dir;
  {
    House house(dir);
    house.write({});
    house.start();
    house.run_until([&] { return house.settled() && house.model().durable; });
    house.history();  // the journal's thread has nothing left to do
    support::copy_tree(dir / "state", dir / "killed");
    house.crash();
  }
  const bool orderly = GENERATE(true, false);
  if (!orderly) {
    std::filesystem::remove_all(dir / "state");
    std::filesystem::rename(dir / "killed", dir / "state");
  }
  std::filesystem::remove(dir / "state" / "latch");
  House again(dir);
  again.start();
  CHECK(again.model().rollout.latched == !orderly);
  CHECK(again.effective() == (orderly ? 1000 : 0));
}

TEST_CASE("the state directory of the first releases opens") {
  // Written by the release before slots could be freed: m_v2 latched at attempt 3, n_v2 in phase 1
  // of its plan with a flag of 5%.
  const TempDir dir;
  std::filesystem::create_directory(dir / "state");
  const auto old = support::source_dir() / "tests/unit/store/old";
  std::filesystem::copy(old / "latch-1", dir / "state" / "latch");
  std::filesystem::copy(old / "state-3.db", dir / "state" / "state.db");
  House house(dir);
  Yaml yaml;
  yaml.attempt = 3;
  yaml.more_models =
      "  n:\n    match: [{ path_prefix: /n }]\n"
      "    stable: { version: n_v1, endpoints: [\"http://127.0.0.1:9001\"] }\n"
      "    canary: { version: n_v2, endpoints: [\"http://127.0.0.1:9002\"] }\n"
      "    slo: { latency_p95: 200ms }\n"
      "    plan: { phases: [{ percentage: 10, hold: 1h }, { percentage: 50, hold: 1h }] }\n";
  house.write(yaml);
  house.start();
  CHECK(house.model(0).rollout.latched);
  CHECK_THAT(house.model(0).rollout.reason, Catch::Contains("v2 leaks"));
  CHECK(house.model(1).weight.effective == 500);
  CHECK(house.model(1).rollout.phase == 1);
  for (const auto& message : house.notifier.sent)
    CHECK(message.body.find("rollback") == std::string::npos);
  yaml.attempt = 4;
  house.write(yaml);
  REQUIRE(house.reload().status == 200);
  CHECK_FALSE(house.model(0).rollout.latched);
}

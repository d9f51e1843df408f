// What a restart remembers: it never raises a weight.
#include <boost/asio/post.hpp>

#include "support/small_disk.hpp"
#include "unit/control/control_fixture.hpp"

using namespace canary;
using namespace canary::control;
using support::TempDir;

namespace {

void corrupt_database(const House& house) {
  support::damage(house.state_path() / "state.db", 0, std::string(4096, 'x'));
}
void corrupt_latch(const House& house) {
  support::damage(house.state_path() / "latch", 0, "BROKEN");
}

}  // namespace

TEST_CASE("a latch survives a restart, and so does the reason") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.fail_canary();
  const auto reason = house.model().rollout.reason;
  house.run_until([&] { return house.model().durable; });
  house.crash();

  House again(dir);
  again.start();
  CHECK(again.effective() == 0);
  CHECK(again.plane.weight() == 0);
  CHECK(again.model().rollout.latched);
  CHECK(again.model().rollout.reason == reason);
}

TEST_CASE("a lowering that was published but never committed survives kill -9") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  // The database as it was before the decision is what the crash leaves.
  const auto before = dir / "before";
  house.run_until([&] { return house.settled(); });
  house.crash();
  std::filesystem::copy(house.state_path(), before);
  House second(dir);
  second.start();
  std::optional<Outcome> outcome;
  SECTION("a flag at 0") {
    second.controller->set_flag("m_v2", 0, {"alice", ""}, [&](Outcome o) { outcome = o; });
  }
  SECTION("a rollback") {
    second.controller->rollback("m", rollout::Mode::immediate, {"alice", ""},
                                [&](Outcome o) { outcome = o; });
  }
  second.crash();
  for (const char* name : {"state.db", "state.db-wal", "state.db-shm"}) {
    std::filesystem::remove(second.state_path() / name);
    if (std::filesystem::exists(before / name))
      std::filesystem::copy_file(before / name, second.state_path() / name);
  }
  House third(dir);
  third.start();
  CHECK(third.effective() == 0);
  // The database learns what the latch file knew, in the words of the decision.
  const auto row = third.history()[0];
  CHECK(row.entry.kind != config::EntryKind::recovered);
  CHECK(row.entry.actor == "alice");
}

TEST_CASE("a raise that was committed but never in force is not in force after a restart") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  REQUIRE(house.set_flag(0).status == 200);
  house.run_until([&] { return house.model().durable; });
  house.plane.at_once = false;
  const auto tables = house.plane.published.size();
  house.controller->set_flag("m_v2", 900, {"alice", ""}, [](Outcome) {});
  SECTION("killed before the publish") {}
  SECTION("killed after the publish") {
    house.run_until([&] { return house.plane.published.size() > tables; });
  }
  house.crash();
  House again(dir);
  again.start();
  CHECK(again.effective() == 0);
  CHECK(again.set_flag(900).status == 200);
  CHECK(again.effective() == 900);
}

TEST_CASE("lost state latches every canary until somebody resumes") {
  const TempDir dir;
  House house(dir);
  Yaml yaml;
  yaml.attempt = 3;
  house.write(yaml);
  house.start();
  house.crash();
  corrupt_database(house);
  SECTION("the database alone") {}
  SECTION("the latch file too") { corrupt_latch(house); }
  House again(dir);
  again.start();
  CHECK(again.lost);
  CHECK(again.effective() == 0);
  CHECK(again.model().rollout.latched);
  CHECK_THAT(again.model().rollout.reason, Catch::StartsWith("state_lost"));
  CHECK(again.history().back().entry.kind == config::EntryKind::state_lost);
  CHECK(again.resume().status == 200);
  CHECK(again.effective() == 1000);
}

TEST_CASE("with the latch file alone lost, the database says what is latched") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  SECTION("latched") { house.fail_canary(); }
  SECTION("lowered") { REQUIRE(house.set_flag(0).status == 200); }
  house.run_until([&] { return house.model().durable; });
  house.crash();
  corrupt_latch(house);
  House again(dir);
  again.start();
  CHECK(again.effective() == 0);
}

TEST_CASE("v2 -> v3 -> v2 finds v2's latch again") {
  const TempDir dir;
  House house(dir);
  Yaml v2, v3;
  v3.canary = "m_v3";
  house.write(v2);
  house.start();
  house.fail_canary();
  house.write(v3);
  REQUIRE(house.reload().status == 200);
  CHECK(house.effective() == 1000);
  CHECK(house.slot("m_v2")->file == 0);
  house.write(v2);
  REQUIRE(house.reload().status == 200);
  CHECK(house.effective() == 0);
  CHECK(house.model().rollout.latched);
  house.run_until([&] { return house.model().durable; });
  house.crash();
  House again(dir);
  again.start();
  CHECK(again.model().rollout.latched);
}

TEST_CASE("a higher attempt in the file opens the latch, also over a restart") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.fail_canary();
  Yaml second;
  second.attempt = 2;
  SECTION("by a reload") {
    house.write(second);
    REQUIRE(house.reload().status == 200);
    CHECK(house.effective() == 1000);
  }
  SECTION("while the gateway is down") {
    house.run_until([&] { return house.model().durable; });
    house.crash();
    house.write(second);
    House again(dir);
    again.start();
    CHECK(again.effective() == 1000);
    CHECK(again.history()[0].entry.kind == config::EntryKind::attempt);
  }
}

TEST_CASE("running on the last accepted file, no weight is above the one last in force") {
  const TempDir dir;
  House house(dir);
  Yaml high, low;
  high.percentage = "50";
  low.percentage = "5";
  house.write(high);
  house.start();
  (void)house.history();  // the journal's thread has done what came before
  const auto accepted = support::read_file(house.state_path() / "last-accepted.yaml");
  house.write(low);
  REQUIRE(house.reload().status == 200);
  CHECK(house.effective() == 500);
  house.run_until([&] { return house.model().durable; });
  house.crash();

  House again(dir);
  support::write_file(again.config_path(), "models: [broken");
  again.start(accepted);  // the older text, as if the newer one could not be kept
  CHECK(again.effective() == 500);
  CHECK(again.controller->status().config.fallback);
  again.run_until([&] {
    return again.controller->status().config.last_error.find("gateway.yaml") != std::string::npos;
  });
  CHECK_FALSE(again.controller->status().config.last_reload_ok);
  // The mended file is taken up.
  again.write(high);
  REQUIRE(again.reload().status == 200);
  CHECK(again.effective() == 5000);
  CHECK_FALSE(again.controller->status().config.fallback);
}

TEST_CASE("a stable that is a latched or unfinished canary is an objection, unless accepted") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  Yaml promoted;
  promoted.stable = "m_v2";
  promoted.canary = "m_v3";
  SECTION("unfinished") {
    house.write(promoted);
    const Outcome refused = house.reload();
    CHECK(refused.status == 422);
    CHECK_THAT(refused.message, Catch::Contains("not complete (running)"));
    CHECK(house.controller->config().models[0].stable.name == "m_v1");
  }
  SECTION("latched") {
    house.fail_canary();
    house.write(promoted);
    const Outcome refused = house.reload();
    CHECK(refused.status == 422);
    CHECK_THAT(refused.message, Catch::Contains("models.m.stable.version: m_v2 is remembered"));
    CHECK_FALSE(house.controller
                    ->objections(config::load([&] {
                                   promoted.state_dir = "/x";
                                   return promoted.text();
                                 }())
                                     .config)
                    .empty());
  }
}

TEST_CASE("a full disk: a lowering works, a raise is refused, and durability returns") {
  auto disk = support::SmallDisk::mount();
  if (!disk) {
    WARN("skipped: mounting a tmpfs is not permitted here");
    return;
  }
  const TempDir dir;
  std::filesystem::create_directory_symlink(disk->path(), dir / "state");
  House house(dir);
  house.write({});
  house.start();
  disk->fill();
  const auto use_up = [&] {  // what room the wal's last pages had
    for (int i = 0; i < 2000 && house.journal->healthy(); ++i) {
      std::optional<bool> done;
      rollout::State filler;
      filler.model = "filler";
      filler.canary = std::to_string(i) + std::string(500, 'x');
      house.journal->commit({filler, std::nullopt, {}}, false, [&](const base::Result<void>&) {
        boost::asio::post(house.io, [&done] { done = true; });
      });
      house.run_until([&] { return done.has_value(); });
    }
  };
  use_up();
  REQUIRE_FALSE(house.journal->healthy());
  const Outcome lowered = house.set_flag(0);
  CHECK(lowered.status == 200);
  CHECK_FALSE(lowered.durable);
  CHECK(house.effective() == 0);
  const Outcome raised = house.set_flag(1000);
  CHECK(raised.status == 503);
  CHECK(house.effective() == 0);
  CHECK_FALSE(house.controller->status().state_durable);

  Yaml higher, lower;
  higher.percentage = "20";
  lower.percentage = "1";
  house.write(higher);
  CHECK(house.reload().status == 503);
  CHECK(house.model().weight.file == 1000);
  CHECK_FALSE(house.controller->status().config.last_reload_ok);
  house.write(lower);
  CHECK(house.reload().status == 200);
  CHECK(house.model().weight.file == 100);

  disk->free();
  house.run_until([&] { return house.model().durable; });
  CHECK(house.set_flag(1000).status == 200);
  CHECK(house.effective() == 100);
}

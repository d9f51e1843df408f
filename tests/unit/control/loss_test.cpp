// What a start makes of memory that is lost, and that a kill in the middle of it changes nothing.
#include "support/temp_dir.hpp"
#include "unit/control/control_fixture.hpp"

using namespace canary;
using namespace canary::control;
using support::TempDir;

namespace {

constexpr const char* database_files[] = {"state.db", "state.db-wal", "state.db-shm"};

void remove_database(const TempDir& dir) {
  for (const char* name : database_files) std::filesystem::remove(dir / "state" / name);
}

/// What kill -9 leaves: an orderly end would say that everything is committed.
void kill(House& house, const TempDir& dir) {
  for (const auto& message : house.notifier.sent)
    house.journal->settle(message.id, message.receiver);  // delivered
  house.history();  // the journal's thread has nothing left to do
  support::copy_tree(dir / "state", dir / "killed");
  house.crash();
  std::filesystem::remove_all(dir / "state");
  std::filesystem::rename(dir / "killed", dir / "state");
}

/// A start that is killed when it has opened its files, before it has latched anything.
void start_and_die(const TempDir& dir) {
  House house(dir);
  house.build();
  kill(house, dir);
}

std::size_t told_rollbacks(const House& house) {
  std::size_t count = 0;
  for (const auto& message : house.notifier.sent) count += message.body.starts_with("rollback ");
  return count;
}

/// Both files as they were before, the database alone or the latch file alone.
void put_back_database(const TempDir& dir, const std::filesystem::path& from) {
  remove_database(dir);
  for (const char* name : database_files)
    if (std::filesystem::exists(from / name))
      std::filesystem::copy(from / name, dir / "state" / name);
}

}  // namespace

TEST_CASE("what was lost is latched, also by the start after one that was killed before it could") {
  const TempDir dir;
  {
    House house(dir);
    house.write({});
    house.start();
    house.run_until([&] { return house.settled() && house.model().durable; });
    kill(house, dir);
  }
  bool database = true;
  SECTION("the database") { remove_database(dir); }
  SECTION("the latch file") {
    std::filesystem::remove(dir / "state" / "latch");
    database = false;
  }
  SECTION("a slot of the latch file") {
    support::damage(dir / "state" / "latch", 256, std::string(256, '\0'));
    database = false;
  }
  SECTION("both") {
    remove_database(dir);
    std::filesystem::remove(dir / "state" / "latch");
  }
  for (const int kills : {0, 1, 2}) {
    CAPTURE(kills);
    const TempDir copy;
    support::copy_tree(dir.path(), copy / "all");
    for (int i = 0; i < kills; ++i) start_and_die(dir);
    {
      House house(dir);
      house.start();
      CHECK(house.lost == database);
      CHECK(house.model().rollout.latched);
      CHECK(house.effective() == 0);
      CHECK(told_rollbacks(house) == 1);
      house.run_until([&] { return house.model().durable; });
      kill(house, dir);
    }
    // It is done once: a latch that a person opens stays open.
    House again(dir);
    again.start();
    CHECK_FALSE(again.lost);
    CHECK(told_rollbacks(again) == 0);
    REQUIRE(again.resume().status == 200);
    kill(again, dir);
    House open(dir);
    open.start();
    CHECK(open.effective() == 1000);
    open.crash();
    std::filesystem::remove_all(dir / "state");
    std::filesystem::copy(copy / "all" / "state", dir / "state",
                          std::filesystem::copy_options::recursive);
  }
}

TEST_CASE("a first start that is killed is no loss") {
  const TempDir dir;
  {
    House house(dir);
    house.write({});
  }
  start_and_die(dir);
  House house(dir);
  house.start();
  CHECK_FALSE(house.lost);
  CHECK(house.effective() == 1000);
}

TEST_CASE("of a lost latch file everything that the database knows is in the new one") {
  const TempDir dir;
  {
    House house(dir);
    house.write({});
    house.start();
    REQUIRE(house.rollback().status == 200);
    Yaml next;
    next.canary = "m_v3";
    house.write(next);
    REQUIRE(house.reload().status == 200);
    house.crash();
  }
  std::filesystem::remove(dir / "state" / "latch");
  {
    House house(dir);
    house.start();
    CHECK(house.slot("m_v2")->latched);
    kill(house, dir);
  }
  remove_database(dir);
  House house(dir);
  house.start();
  house.write({});
  REQUIRE(house.reload().status == 200);
  CHECK(house.model().rollout.latched);
  CHECK(house.effective() == 0);
}

TEST_CASE("what the database alone knows of a latch is in the latch file after a start") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.run_until([&] { return house.settled(); });
  std::filesystem::copy_file(dir / "state" / "latch", dir / "older");
  REQUIRE(house.rollback().status == 200);
  house.run_until([&] { return house.model().durable; });
  house.crash();
  std::filesystem::copy_file(dir / "older", dir / "state" / "latch",
                             std::filesystem::copy_options::overwrite_existing);
  House again(dir);
  again.start();
  CHECK(again.model().rollout.latched);
  CHECK(again.slot()->latched);
}

TEST_CASE("a rollback of a version that had no traffic is told after a crash") {
  const TempDir dir;
  {
    House house(dir);
    house.write({});
    house.start();
    REQUIRE(house.set_flag(0).status == 200);
    house.run_until([&] { return house.model().durable; });
    house.history();
    support::copy_tree(dir / "state", dir / "before");
    REQUIRE(house.rollback().status == 200);
    house.crash();
  }
  put_back_database(dir, dir / "before");
  House house(dir);
  house.start();
  CHECK(house.model().rollout.latched);
  CHECK(told_rollbacks(house) == 2);  // the flag's as well: nobody says that it was delivered
  CHECK_THAT(house.model().rollout.reason, Catch::Contains("by bob: bad"));
}

TEST_CASE("a rollback that is told again names stable and keeps its words, moved or not named") {
  const TempDir dir;
  Yaml moved;
  moved.model = "k";
  moved.stable = "k_v1";
  {
    House house(dir);
    house.write({});
    house.start();
    house.run_until([&] { return house.settled(); });
    kill(house, dir);
    support::copy_tree(dir / "state", dir / "before");
  }
  {
    House house(dir);
    house.start();
    REQUIRE(house.rollback().status == 200);
    house.write(moved);
    REQUIRE(house.reload().status == 200);
    Yaml gone = moved;
    gone.canary = "";
    house.write(gone);
    REQUIRE(house.reload().status == 200);
    house.crash();
  }
  put_back_database(dir, dir / "before");
  std::string stable = "m_v1";  // then
  SECTION("with its words") {}
  SECTION("without them") {
    const std::string latch = support::read_file(dir / "state" / "latch");
    support::damage(dir / "state" / "latch", 1024 * 256,
                    std::string(latch.size() - 1024 * 256, '\0'));
    stable = "k_v1";  // now
  }
  std::vector<std::string> words;
  for (int life = 0; life < 2; ++life) {
    CAPTURE(life);
    House house(dir);
    house.clock.advance(std::chrono::hours(1 + life));
    house.start();
    REQUIRE(house.notifier.sent.size() == 1);
    const notify::Notice& notice = house.notifier.notices.front();
    CHECK(notice.stable == stable);
    words.push_back(notice.id + notice.reason + base::format_time(notice.time));
    house.crash();
    put_back_database(dir, dir / "before");
  }
  CHECK(words.front() == words.back());
}

TEST_CASE("a refused move on a full disk leaves nothing that is never committed") {
  const TempDir dir;
  std::atomic<bool> full{false};
  House house(dir);
  house.disk_refuses = [&] { return full.load(); };
  house.write({});
  house.start();
  full = true;
  REQUIRE(house.rollback().status == 200);
  // Under another model, where it would be raised, and there with another canary.
  Yaml moved;
  moved.model = "k";
  moved.attempt = 2;
  house.write(moved);
  CHECK(house.reload().status == 503);
  full = false;
  REQUIRE(house.reload().status == 200);
  house.run_until([&] { return house.model().durable; });
  CHECK(house.controller->status().state_durable);
}

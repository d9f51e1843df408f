// The configuration file on a thread of its own: noticed, settled, and never waited for.
#include <catch2/catch.hpp>
#include <future>

#include "unit/control/control_fixture.hpp"

using namespace canary;
using namespace canary::control;
using support::TempDir;
using namespace std::chrono_literals;

namespace {

/// A plan whose canary would have everything without it.
Yaml planned() {
  Yaml yaml;
  yaml.percentage = "100";
  yaml.extra =
      "    plan: { phases: [{ percentage: 5, hold: 1h }, { percentage: 50, hold: 1h }] }\n";
  return yaml;
}

/// The file up to `what`, written in place, as a writer that died leaves it.
void cut_before(House& house, const std::string& what) {
  const std::string text = support::read_file(house.config_path());
  support::write_file(house.config_path(), text.substr(0, text.find(what)));
}

/// To the second phase.
void promote(House& house) {
  const Outcome outcome = house.await([&](Done done) {
    house.controller->promote("m", {"ann", ""}, std::move(done), {1, {}});
  });
  REQUIRE(outcome.status == 200);
}

std::string held(const House& house) { return house.controller->status().config.held; }

/// A file system that hangs when it is told to. The thread that reads may outlive the test.
struct Hanging {
  struct Shared {
    std::promise<void> release;
    std::shared_future<void> released = release.get_future().share();
    std::atomic<bool> hangs{false};
  };
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  std::promise<void>& release = shared->release;
  std::atomic<bool>& hangs = shared->hangs;
  ConfigFile::Read read() {
    return [shared = shared](const std::string& path) {
      if (shared->hangs) shared->released.wait();
      return ConfigFile::read_system(path);
    };
  }
};

}  // namespace

TEST_CASE("the controller takes up an edited file by itself") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  Yaml yaml;
  yaml.percentage = "25";
  house.write(yaml);
  house.run_until([&] { return house.effective() == 2500; });
  support::write_file(house.config_path(), "models: [oops");
  house.run_until([&] { return !house.controller->status().config.last_reload_ok; });
  CHECK(house.effective() == 2500);
  house.write(yaml);  // back to what is in force: the problem is gone with its text
  house.run_until([&] { return house.controller->status().config.last_reload_ok; });
  CHECK(house.controller->status().config.last_error.empty());
}

TEST_CASE("a file that ends before its plan never raises a weight, until somebody insists") {
  const TempDir dir;
  House house(dir);
  house.write(planned());
  house.start();
  CHECK(house.effective() == 500);
  cut_before(house, "    plan:");
  house.run_until([&] { return !held(house).empty(); });
  CHECK_THAT(held(house),
             Catch::Contains("it ends early and lacks models.m.plan. The gateway waits until the "
                             "file changes again. To take it up now as it is, send SIGHUP "
                             "to the gateway or POST /internal/reload"));
  house.clock.advance(1h);  // however long
  house.run_until([&] { return house.controller->status().config.held.size() > 0; });
  CHECK(house.effective() == 500);
  CHECK(house.controller->status().config.generation == 1);

  SECTION("the rest comes: nothing has happened") {
    house.write(planned());
    house.run_until([&] { return held(house).empty(); });
    CHECK(house.controller->status().config.generation == 1);
  }
  SECTION("a reload takes it up") {
    CHECK(house.reload().status == 200);
    CHECK(house.effective() == 10000);
    CHECK(held(house).empty());
  }
}

TEST_CASE("a file that ends before its canary keeps the canary for half a minute, and its phase") {
  const TempDir dir;
  House house(dir);
  house.write(planned());
  house.start();
  promote(house);
  CHECK(house.effective() == 5000);
  cut_before(house, "    canary:");
  house.run_until([&] { return !held(house).empty(); });
  CHECK_THAT(held(house), Catch::Contains("lacks models.m.canary"));
  CHECK_THAT(held(house), Catch::Contains(". The gateway waits until the file changes again, and "
                                          "takes it up as it is after 30s. To take it up now"));
  CHECK(house.effective() == 5000);

  house.clock.advance(31s);
  house.run_until([&] { return !house.model().canary.has_value(); });
  CHECK(held(house).empty());

  SECTION("it goes on in its phase when the file is whole again") {
    house.write(planned());
    house.run_until([&] { return house.model().canary.has_value(); });
    house.run_until([&] { return house.settled(); });
    CHECK(house.model().rollout.phase == 2);
    CHECK(house.effective() == 5000);
  }
  SECTION("but not after ten minutes: then it is a canary that returns") {
    house.clock.advance(10min);
    house.write(planned());
    house.run_until([&] { return house.model().canary.has_value(); });
    house.run_until([&] { return house.settled(); });
    CHECK(house.model().rollout.phase == 1);
    CHECK(house.effective() == 500);
  }
}

TEST_CASE("a canary that is taken out by a whole file begins anew, as everyone at 0") {
  const TempDir dir;
  House house(dir);
  house.write(planned());
  house.start();
  promote(house);
  Yaml without = planned();
  without.canary.clear();
  house.write(without);  // renamed into place
  house.run_until([&] { return !house.model().canary.has_value(); });
  house.write(planned());
  house.run_until([&] { return house.model().canary.has_value(); });
  CHECK(house.model().rollout.phase == 1);
}

TEST_CASE("a file system that hangs holds up no judgement, no reload's answer and no end") {
  const TempDir dir;
  Hanging disk;
  House house(dir);
  house.read_file = disk.read();
  house.write({});
  house.start();
  disk.hangs = true;
  house.write({});  // noticed, and the look hangs
  house.run_until([&] { return !house.controller->status().config.last_reload_ok; });
  CHECK_THAT(house.controller->status().config.last_error,
             Catch::Contains("still waiting for its file system since 2s"));
  house.fail_canary();
  CHECK(house.effective() == 0);
  for (int i = 0; i < 3; ++i) {
    const Outcome refused = house.reload();
    CHECK(refused.status == 503);
    CHECK_THAT(refused.message, Catch::Contains("still waiting"));
  }

  SECTION("it answers again") {
    disk.hangs = false;
    disk.release.set_value();
    house.run_until([&] { return house.controller->status().config.last_reload_ok; });
    CHECK(house.controller->status().config.last_error.empty());
    CHECK(house.reload().status == 200);
  }
  SECTION("the end does not wait for it") {
    house.crash();
    disk.release.set_value();
  }
}

TEST_CASE("a reload whose file does not come is answered") {
  const TempDir dir;
  Hanging disk;
  House house(dir);
  house.read_file = disk.read();
  house.write({});
  house.start();
  disk.hangs = true;
  const Outcome refused = house.reload();
  CHECK(refused.status == 503);
  CHECK_THAT(refused.message, Catch::Contains("still waiting for its file system"));
  disk.hangs = false;
  disk.release.set_value();
  house.run_until([&] { return house.reload().status == 200; });
}

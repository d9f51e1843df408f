#include "control/watcher.hpp"

#include <catch2/catch.hpp>

#include "unit/control/control_fixture.hpp"

using namespace canary;
using namespace canary::control;
using support::TempDir;

namespace fs = std::filesystem;

namespace {

/// Runs the loop until the watcher says that it should be looked, far sooner than its poll.
void await_look(boost::asio::io_context& io, int& looks) {
  const int before = looks;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(8);
  while (looks == before) {
    if (std::chrono::steady_clock::now() > deadline) FAIL("the change was not noticed");
    io.restart();
    io.run_one_for(std::chrono::milliseconds(100));
  }
}

}  // namespace

TEST_CASE("a change of the file is noticed, however it is made") {
  const TempDir dir;
  support::write_file(dir / "gateway.yaml", "one");
  boost::asio::io_context io;
  int looks = 0;
  Watcher watcher(io, dir / "gateway.yaml", [&] { ++looks; });
  watcher.start();
  SECTION("written in place") { support::write_file(dir / "gateway.yaml", "two"); }
  SECTION("an editor's rename") {
    support::write_file(dir / ".gateway.yaml.swp", "two");
    fs::rename(dir / ".gateway.yaml.swp", dir / "gateway.yaml");
  }
  SECTION("removed and linked anew") {
    support::write_file(dir / "other.yaml", "two");
    fs::remove(dir / "gateway.yaml");
    fs::create_symlink("other.yaml", dir / "gateway.yaml");
  }
  await_look(io, looks);
}

TEST_CASE("Kubernetes' ..data swap is noticed, again and again") {
  const TempDir dir;
  const auto publish = [&](const std::string& version) {
    fs::create_directory(dir / version);
    support::write_file(dir / version / "gateway.yaml", version);
    fs::create_symlink(version, dir / "..data_tmp");
    fs::rename(dir / "..data_tmp", dir / "..data");
  };
  publish("..2026_1");
  fs::create_symlink("..data/gateway.yaml", dir / "gateway.yaml");
  boost::asio::io_context io;
  int looks = 0;
  Watcher watcher(io, dir / "gateway.yaml", [&] { ++looks; });
  watcher.start();
  for (const char* version : {"..2026_2", "..2026_3", "..2026_4"}) {
    publish(version);
    await_look(io, looks);
    CHECK(support::read_file(dir / "gateway.yaml") == version);
  }
}

TEST_CASE("a file behind a link into another directory is watched there too") {
  const TempDir dir, elsewhere;
  support::write_file(elsewhere / "real.yaml", "one");
  fs::create_symlink(elsewhere / "real.yaml", dir / "gateway.yaml");
  const auto links = links_to(dir / "gateway.yaml");
  REQUIRE(links.size() >= 2);
  CHECK(links.back().second == "real.yaml");
  boost::asio::io_context io;
  int looks = 0;
  Watcher watcher(io, dir / "gateway.yaml", [&] { ++looks; });
  watcher.start();
  support::write_file(elsewhere / "real.yaml", "two");
  await_look(io, looks);
}

TEST_CASE("a circle of links ends") {
  const TempDir dir;
  fs::create_symlink("b", dir / "a");
  fs::create_symlink("a", dir / "b");
  CHECK(links_to(dir / "a").size() < 100);
}

TEST_CASE("neighbours' changes are not ours, and a burst of ours is one look") {
  const TempDir dir;
  support::write_file(dir / "gateway.yaml", "one");
  boost::asio::io_context io;
  int looks = 0;
  Watcher watcher(io, dir / "gateway.yaml", [&] { ++looks; });
  watcher.start();
  for (int i = 0; i < 50; ++i) {
    support::write_file(dir / "neighbour", std::to_string(i));
    support::write_file(dir / "gateway.yaml", std::to_string(i));
  }
  await_look(io, looks);
  CHECK(looks == 1);
}

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

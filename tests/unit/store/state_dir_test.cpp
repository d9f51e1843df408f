#include "store/state_dir.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/small_disk.hpp"
#include "support/temp_dir.hpp"

using namespace canary;
using namespace canary::store;
using support::TempDir;

TEST_CASE("a state directory is created for its owner alone, with its parents") {
  const TempDir dir;
  const auto path = dir / "a" / "b";
  const auto opened = StateDir::open(path);
  REQUIRE(opened.has_value());
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
}

TEST_CASE("a second owner is refused, and told the pid of the first") {
  const TempDir dir;
  auto first = StateDir::open(dir.path());
  REQUIRE(first.has_value());
  const auto second = StateDir::open(dir.path());
  REQUIRE(second.has_error());
  CHECK_THAT(second.error().message(),
             Catch::Contains("in use by another gateway (pid " + std::to_string(::getpid()) + ")"));
  StateDir moved = std::move(*first);
  CHECK(StateDir::open(dir.path()).has_error());
  { const StateDir gone = std::move(moved); }
  CHECK(StateDir::open(dir.path()).has_value());
}

TEST_CASE("the last accepted configuration is replaced whole") {
  const TempDir dir;
  auto state = StateDir::open(dir.path());
  REQUIRE(state.has_value());
  CHECK_FALSE(state->load_accepted());
  REQUIRE(state->save_accepted("models: {}\n").has_value());
  REQUIRE(state->save_accepted("models: { m: {} }\n").has_value());
  CHECK(state->load_accepted() == "models: { m: {} }\n");
  CHECK_FALSE(std::filesystem::exists(dir / "last-accepted.yaml.new"));
}

TEST_CASE("on a full disk the last accepted configuration stays what it was") {
  auto disk = support::SmallDisk::mount();
  if (!disk) {
    WARN("skipped: mounting a tmpfs is not permitted here");
    return;
  }
  auto state = StateDir::open(disk->path());
  REQUIRE(state.has_value());
  REQUIRE(state->save_accepted("good").has_value());
  disk->fill();
  CHECK(state->save_accepted(std::string(100'000, 'x')).has_error());
  CHECK(state->load_accepted() == "good");
  disk->free();
  CHECK(state->save_accepted("better").has_value());
  CHECK(state->load_accepted() == "better");
}

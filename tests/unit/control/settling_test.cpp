// When a changed file is believed to be whole.
#include "control/settling.hpp"

#include <catch2/catch.hpp>

using namespace canary;
using namespace canary::control;
using namespace std::chrono_literals;

namespace {

struct World {
  base::ManualClock clock;
  Settling settling;
  base::FileState file{1, 2, 3, 0};
  /// A write of this moment.
  void write(Change change) {
    ++file.size;
    file.modified_ns = clock.wall().time_since_epoch().count();
    settling.changed(change);
  }
  base::Duration left() { return settling.left(file, clock.mono(), clock.wall()); }
};

}  // namespace

TEST_CASE("how long a file must stay as it is depends on how it was changed") {
  struct Row {
    Change change;
    base::Duration patience;
  };
  for (const Row& row : {Row{Change::replaced, 0s}, Row{Change::closed, 500ms},
                         Row{Change::opened, 60s}, Row{Change::unsure, 10s}}) {
    World world;
    world.write(row.change);
    CHECK(world.left() == row.patience);
    CHECK(world.settling.whole() == (row.change == Change::replaced));
    world.clock.advance(row.patience);
    CHECK(world.left() == 0s);
  }
}

TEST_CASE("a writer that goes on is waited for anew with every write") {
  World world;
  world.write(Change::opened);
  for (int i = 0; i < 10; ++i) {
    CHECK(world.left() == 60s);
    world.clock.advance(50s);
    world.write(Change::opened);
  }
  CHECK(world.left() == 60s);
  world.write(Change::closed);
  CHECK(world.left() == 500ms);
}

TEST_CASE("a change that no event told of is waited for longer") {
  World world;
  world.write(Change::replaced);
  CHECK(world.left() == 0s);
  world.write(Change::none);
  CHECK(world.left() == 10s);
  world.clock.advance(4s);
  CHECK(world.left() == 6s);
}

TEST_CASE("a file that says it is old is believed, one from the future is watched") {
  World world;
  world.write(Change::closed);
  world.file.modified_ns -= base::Duration(1h).count();
  CHECK(world.left() == 0s);
  world.write(Change::closed);
  world.file.modified_ns += base::Duration(1h).count();
  CHECK(world.left() == 500ms);
  world.clock.advance(500ms);
  CHECK(world.left() == 0s);
}

// Seeded sequences of everything that may open or forget a latch: edits of the file (attempts up
// and down, percentages, canaries that change places, models renamed, removed and back), operators'
// commands, failing canaries, full disks, kill -9, harm to the latch file and the database, while a
// gateway runs and between two. Against scenario/latches/facts, which knows the rules a second
// time:
//   a latch opens only by resume, forget, or an attempt that its model has not seen;
//   no weight is raised by a restart or by damage;
//   a rollback decided is never lost, and is told once, with one id and in the same words.
//
//   CANARY_LATCH_SEEDS=N     how many seeds (default 60)
//   CANARY_LATCH_SEED=N      this one alone
//   CANARY_LATCH_SECONDS=N   new seeds for so long (tests/soak.sh latches)
#include <fcntl.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <iostream>

#include "scenario/latches/life.hpp"
#include "support/environment.hpp"
#include "support/forked.hpp"

using namespace canary;
using namespace canary::scenario;
using support::SharedMemory;
using support::TempDir;

namespace {

constexpr int lives_per_seed = 5, steps_per_life = 12;
enum Exit { killed = -1, stopped = 0, failed = 1 };

struct Totals {
  std::uint64_t seeds = 0, steps = 0, starts = 0, kills = 0, harms = 0, rollbacks = 0, opened = 0;
};

class Place {
 public:
  explicit Place(std::uint64_t seed) : random_(seed) {
    std::filesystem::create_directory(state());
    facts().file.model[0] = {true, 0, 1000, 1, false};
    facts().file.model[1].present = true;
    write(facts().file);
  }

  Facts& facts() { return *facts_; }

  void live();
  void between();

 private:
  std::filesystem::path state() const { return dir_ / "state"; }
  std::filesystem::path older(const std::string& name) const { return dir_ / "older" / name; }
  void write(const File& file) {
    facts().file = file;
    for (const ModelLine& line : file.model)
      if (line.present) facts().highest_written = std::max(facts().highest_written, line.attempt);
    support::write_file(dir_ / "gateway.yaml", file.text(state().string()));
  }
  void keep_copy();
  void lose_database();
  void put_older_database();
  void harm_latch_file();

  TempDir dir_{TempDir::fast_place()};
  SharedMemory<Facts> facts_;
  base::Random random_;
};

void Place::live() {
  const auto seed = random_.next();
  const auto last = 1 + random_.below(steps_per_life);
  const auto death = static_cast<Death>(random_.below(6));
  const bool at_start = random_.below(6) == 0;
  const bool disk_full = random_.below(8) == 0 && facts().life > 0;
  facts().note("-- life " + std::to_string(facts().life + 1) + " ends in step " +
               std::to_string(at_start ? 0 : last) + " by " +
               std::to_string(static_cast<int>(death)));
  const auto ending = support::in_child([&] {
    const int log = ::open((dir_ / "stderr").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(log, STDERR_FILENO);
    try {
      Life life(facts(), dir_, seed);
      if (at_start) life.death = death;
      life.start(disk_full);
      for (std::uint64_t step = 1; step <= last; ++step) {
        if (step == last) life.death = death;
        life.step();
      }
      if (death != Death::none) support::die();
      life.stop();
      return stopped;
    } catch (const std::exception& error) {
      if (facts().failure[0] == 0)
        std::snprintf(facts().failure, sizeof facts().failure, "%s", error.what());
    } catch (...) {
      if (facts().failure[0] == 0)
        std::snprintf(facts().failure, sizeof facts().failure, "an assertion failed");
    }
    return failed;
  });
  if (ending.killed) {
    ++facts().kills;
    return;
  }
  if (WIFEXITED(ending.status) && WEXITSTATUS(ending.status) == stopped) return;
  std::string said = support::read_file(dir_ / "stderr");
  if (said.size() > 5000) said.erase(0, said.size() - 5000);
  std::cerr << "What happened:\n" << facts().trace << "\nThe log ends with:\n" << said;
  FAIL("the gateway ended by " << ending.text() << ": " << facts().failure);
}

/// What somebody may put back one day.
void Place::keep_copy() {
  std::filesystem::remove_all(dir_ / "older");
  support::copy_tree(state(), dir_ / "older");
}

void Place::lose_database() {
  const bool garbage = random_.below(2) == 0;
  facts().note(garbage ? "the database is garbage" : "the database is removed");
  for (const char* name : {"state.db-wal", "state.db-shm", "state.db"})
    std::filesystem::remove(state() / name);
  if (garbage) support::write_file(state() / "state.db", std::string(8192, 'x'));
  facts().starting = false;
  for (Version& version : facts().version) {
    version.must_latch = true;
    version.recorded = false;
    version.told = true;
  }
  std::filesystem::remove_all(dir_ / "older");
}

void Place::put_older_database() {
  if (!std::filesystem::exists(older("state.db"))) return;
  facts().note("the database is an older copy");
  for (const char* name : {"state.db-wal", "state.db-shm", "state.db"}) {
    std::filesystem::remove(state() / name);
    if (std::filesystem::exists(older(name))) std::filesystem::copy(older(name), state() / name);
  }
  for (Version& version : facts().version) version.recorded = false;
}

void Place::harm_latch_file() {
  const std::string what = harm_latch(state() / "latch", older("latch"), random_);
  if (what.empty()) return;
  ++facts().harms;
  facts().note("between two: " + what);
  if (facts().orderly) return;  // the database knows all of it
  facts().latch_file_harmed(what);
}

/// What befalls the files while no gateway runs.
void Place::between() {
  switch (random_.below(10)) {
    case 0:
      lose_database();
      break;
    case 1:
      put_older_database();
      break;
    case 2:
    case 3:
      harm_latch_file();
      break;
    case 4: {
      lose_database();
      std::filesystem::remove_all(state() / "latch");
      facts().note("and the latch file");
      facts().all_lost();
      break;
    }
    case 5:
      keep_copy();
      break;
    default:
      break;
  }
  if (random_.below(3) == 0) {
    const File next = edited(facts().file, random_);
    facts().note("file while nobody runs\n" + next.text("S"));
    if (facts().starting) facts().other_file_after_killed_start(next);
    write(next);
  }
}

void run_seed(std::uint64_t seed, Totals& totals) {
  CAPTURE(seed);
  Place place(seed);
  for (int life = 0; life < lives_per_seed; ++life) {
    if (life > 0) place.between();
    place.live();
  }
  const Facts& facts = place.facts();
  ++totals.seeds;
  totals.steps += facts.steps;
  totals.starts += facts.starts;
  totals.kills += facts.kills;
  totals.harms += facts.harms;
  totals.rollbacks += facts.rollbacks;
  totals.opened += facts.opened;
}

}  // namespace

#ifndef CANARY_NO_FORK
TEST_CASE("random sequences: no latch opens by itself, and no rollback is lost or told anew") {
  Totals totals;
  if (const long one = support::from_environment("CANARY_LATCH_SEED", 0); one > 0)
    return run_seed(static_cast<std::uint64_t>(one), totals);
  const long seeds = support::from_environment("CANARY_LATCH_SEEDS", 60);
  const long seconds = support::from_environment("CANARY_LATCH_SECONDS", 0);
  const auto begin = std::chrono::steady_clock::now();
  const auto goes_on = [&](std::uint64_t seed) {
    if (seconds == 0) return seed <= static_cast<std::uint64_t>(seeds);
    return std::chrono::steady_clock::now() - begin < std::chrono::seconds(seconds);
  };
  // A long run tries what the short one does not.
  const std::uint64_t first = seconds == 0 ? 1 : 1'000'000;
  for (std::uint64_t i = 1; goes_on(i); ++i) run_seed(first + i - 1, totals);
  std::cout << totals.seeds << " seeds: " << totals.starts << " starts, " << totals.steps
            << " steps, " << totals.kills << " kills, " << totals.harms << " harmed latch files, "
            << totals.rollbacks << " rollbacks, " << totals.opened << " latches opened\n";
  if (totals.seeds < 50) return;
  // The seeds reach what they are for.
  CHECK(totals.kills > totals.starts / 4);
  CHECK(totals.rollbacks > totals.seeds);
  CHECK(totals.opened > 0);
  CHECK(totals.harms > 0);
}
#endif

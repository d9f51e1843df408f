// Seeded lives of a gateway: what operators, files, evidence, full disks, kill -9 and lost files do
// to the weights, one process after another on one state directory. After every step the gateway
// must be exactly what scenario/lives/world says; a start may find less, never more.
//   CANARY_SCENARIO_SEEDS=N   how many seeds (default 300)
//   CANARY_SCENARIO_SEED=N    this one alone
#include <fcntl.h>

#include <catch2/catch.hpp>
#include <iostream>

#include "scenario/lives/life.hpp"
#include "scenario/lives/script.hpp"
#include "support/environment.hpp"
#include "support/forked.hpp"
#include "support/temp_dir.hpp"

using namespace canary;
using namespace canary::scenario;
using support::SharedMemory;
using support::TempDir;

namespace {

constexpr int lives_per_seed = 4, steps_per_life = 10;
enum Exit { killed = -1, stopped = 0, failed = 1, refused_to_start = 2 };

/// A state directory, a configuration file, and the processes that come and go.
class Place {
 public:
  Place() { std::filesystem::create_directory(dir_ / "state"); }

  Shared& shared() { return *shared_; }
  std::filesystem::path state(const char* name) const { return dir_ / "state" / name; }

  void write(const FileSpec& file) {
    support::write_file(dir_ / "gateway.yaml", text_of(file, (dir_ / "state").string()));
    shared_->disk = file;
    shared_->note("the file is now\n" + text_of(file, "STATE"));
  }

  /// One life in a process of its own. It must end as it says, or be killed on purpose.
  template <class F>
  int live(Death at_start, F&& script) {
    const auto ending = support::in_child([&] {
      const int log = ::open((dir_ / "stderr").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(log, STDERR_FILENO);
      try {
        Life life(*shared_, dir_.path());
        life.death = at_start;
        if (!life.start(first_)) return refused_to_start;
        life.check_rest();
        if (life.death != Death::none) support::die();
        script(life);
        if (life.death != Death::none) support::die();
        life.disk_full(false);
        life.stop();
        return stopped;
      } catch (const Failed&) {
        return failed;
      }
    });
    first_ = false;
    if (ending.killed) return killed;
    const int status = WIFEXITED(ending.status) ? WEXITSTATUS(ending.status) : failed;
    if (status == stopped || status == refused_to_start) return status;
    tell();
    FAIL("the gateway ended by " << ending.text() << ": " << shared_->failure);
    return failed;
  }

  // Between two lives.
  void lose_database(bool remove);
  void lose_latch_file() { support::damage(state("latch"), 0, "XXXXXXXX"); }

 private:
  void tell() const {
    std::string said = support::read_file(dir_ / "stderr");
    if (said.size() > 4000) said.erase(0, said.size() - 4000);
    std::cerr << "What happened:\n" << shared_->trace << "\nIts log ends with:\n" << said;
  }

  TempDir dir_{TempDir::fast_place()};
  SharedMemory<Shared> shared_;
  bool first_ = true;
};

void Place::lose_database(bool remove) {
  shared_->note(remove ? "the database is removed" : "the database is damaged");
  std::filesystem::remove(state("state.db-wal"));
  std::filesystem::remove(state("state.db-shm"));
  if (remove)
    std::filesystem::remove(state("state.db"));
  else
    support::write_file(state("state.db"), std::string(8192, 'x'));
  for (auto& model : shared_->rollbacks)
    for (Tally& tally : model) tally = Tally{};
}

/// What befalls the files while no gateway runs.
void between_lives(Place& place, base::Random& random, int ending) {
  Shared& shared = place.shared();
  if (ending == refused_to_start || random.below(8) == 0) {
    FileSpec file = shared.now().in_force;
    if (ending == refused_to_start)
      for (ModelSpec& model : file.model) model.unproven = true;
    place.write(file);
  } else if (random.below(3) == 0) {
    place.write(edited(shared.now().in_force, random));
  }
  const bool recorded = [&] {
    for (const auto& model : shared.now().key)
      for (const Facts& facts : model)
        if (facts.known && !facts.recorded) return false;
    return true;
  }();
  switch (random.below(12)) {
    case 0:
      return place.lose_database(true);
    case 1:
      return place.lose_database(false);
    case 2:
      // What was lowered and never committed stands in the latch file alone.
      if (ending != stopped || !shared.at_rest || !recorded) return;
      shared.note("the latch file is damaged");
      return place.lose_latch_file();
    case 3:
      place.lose_database(false);
      shared.note("and the latch file");
      return place.lose_latch_file();
    default:
      return;
  }
}

struct Totals {
  std::uint64_t lives = 0, killed = 0, refusals = 0, steps = 0, tables = 0, rolled_back = 0,
                refused = 0, not_committed = 0;
};

void run_seed(std::uint64_t seed, Totals& totals) {
  CAPTURE(seed);
  base::Random random(seed);
  Place place;
  FileSpec file;
  file.model[1].present = random.below(3) != 0;
  place.write(file);
  int ending = stopped;
  for (int number = 0; number < lives_per_seed; ++number) {
    if (number > 0) between_lives(place, random, ending);
    const auto last_step = static_cast<int>(random.below(steps_per_life)) + 1;
    const auto death = static_cast<Death>(random.below(7) == 0 ? 0 : random.below(6));
    // Now and then already the start.
    const bool at_start = random.below(8) == 0;
    const auto script_seed = random.next();
    place.shared().note("-- life " + std::to_string(number) + ", ends in step " +
                        std::to_string(last_step) + " by " +
                        std::to_string(static_cast<int>(death)));
    ending = place.live(at_start ? death : Death::none, [&](Life& life) {
      Script script(life, place.shared(), script_seed);
      for (int step = 1; step <= last_step + 4; ++step) {
        if (step == last_step + 4) life.death = death;
        script.step();
      }
    });
    ++totals.lives;
    if (ending == killed) ++totals.killed;
    if (ending == refused_to_start) ++totals.refusals;
  }
  const Shared& shared = place.shared();
  totals.steps += shared.steps;
  totals.tables += shared.tables;
  totals.rolled_back += shared.rolled_back;
  totals.refused += shared.refused;
  totals.not_committed += shared.not_committed;
}

}  // namespace

TEST_CASE("kill -9 anywhere around PUT 0: the next start is at 0") {
  for (const auto death :
       {Death::returned, Death::committed, Death::publish, Death::in_force, Death::after}) {
    CAPTURE(static_cast<int>(death));
    Place place;
    place.write({});
    CHECK(place.live(Death::none, [&](Life& life) {
      life.death = death;
      Script(life, place.shared(), 1).set_flag(0, 0);
    }) == killed);
    CHECK(place.live(Death::none, [&](Life& life) {
      // Whatever was possible, the start has come to this.
      life.demand(life.published(0) == 0, "the flag at 0 is forgotten");
      life.demand(life.shown(0).flag == 0, "another term holds the weight down");
      Script(life, place.shared(), 1).set_flag(0, 500);
    }) == stopped);
  }
}

TEST_CASE("kill -9 anywhere around a rollback: the next start is latched") {
  for (const auto death : {Death::returned, Death::publish, Death::in_force, Death::after}) {
    CAPTURE(static_cast<int>(death));
    Place place;
    place.write({});
    CHECK(place.live(Death::none, [&](Life& life) {
      life.death = death;
      Script(life, place.shared(), 1).evidence(0, Script::Evidence::failing);
    }) == killed);
    CHECK(place.live(Death::none, [&](Life& life) {
      life.demand(life.shown(0).latched && life.published(0) == 0, "the latch is open");
      Script(life, place.shared(), 1).set_flag(0, 500);
      Script(life, place.shared(), 1).resume(0);
    }) == stopped);
  }
}

TEST_CASE(
    "kill -9 before a higher attempt is in force: the latch holds, and that attempt opens it") {
  FileSpec again;
  again.model[0].attempt = 2;
  Place place;
  place.write({});
  CHECK(place.live(Death::none, [&](Life& life) {
    Script script(life, place.shared(), 1);
    script.rollback(0);
    life.death = Death::publish;
    script.reload(again);
  }) == killed);
  place.write({});
  CHECK(place.live(Death::none, [&](Life& life) {
    Script script(life, place.shared(), 1);
    life.demand(life.shown(0).latched, "opened by a table that was never in force");
    script.reload(again);
    life.demand(life.published(0) == 1000, "attempt 2 was used up by the crash");
  }) == stopped);
}

TEST_CASE("a rollback that only the latch file knew is in the database after one more start") {
  FileSpec before, meanwhile;
  SECTION("of a canary that the file still names") {}
  SECTION("of a canary that the database has never heard of") {
    before.model[0].weight = meanwhile.model[0].weight = 0;
  }
  SECTION("of a canary that the file does not name then") { meanwhile.model[0].canary = 1; }
  Place place;
  place.write(before);
  CHECK(place.live(Death::none, [&](Life& life) {
    Script script(life, place.shared(), 1);
    script.disk(true);
    script.rollback(0);
    life.death = Death::after;
  }) == killed);
  place.write(meanwhile);
  CHECK(place.live(Death::none, [](Life&) {}) == stopped);
  place.lose_latch_file();
  place.write(before);
  CHECK(place.live(Death::none, [](Life& life) {
    life.demand(life.shown(0).latched, "the rollback is forgotten");
  }) == stopped);
}

TEST_CASE("the SLO changes mid-window: what was slow by the old one is no evidence") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    Place place;
    place.write({});
    CHECK(place.live(Death::none, [&](Life& life) {
      Script script(life, place.shared(), seed);
      script.slo_change_mid_window(0);
      life.demand(life.published(0) == 1000, "rolled back by the old SLO's evidence");
      script.evidence(0, Script::Evidence::slow);
      life.demand(life.published(0) == 0, "not rolled back by the new SLO's evidence");
    }) == stopped);
  }
}

TEST_CASE("random lives: the weights are what was promised after every step and every start") {
  Totals totals;
  const long one = support::from_environment("CANARY_SCENARIO_SEED", 0);
  if (one > 0) {
    run_seed(static_cast<std::uint64_t>(one), totals);
    return;
  }
  const long seeds = support::from_environment("CANARY_SCENARIO_SEEDS", 300);
  for (long seed = 1; seed <= seeds; ++seed) run_seed(static_cast<std::uint64_t>(seed), totals);
  std::cout << seeds << " seeds: " << totals.lives << " lives (" << totals.killed << " killed, "
            << totals.refusals << " refused to start), " << totals.steps << " steps, "
            << totals.tables << " tables, " << totals.rolled_back << " rollbacks by evidence, "
            << totals.refused << " refusals, " << totals.not_committed << " raises not committed\n";
  CHECK(totals.steps > 0);
  // The seeds reach what they are for.
  if (seeds < 100) return;
  CHECK(totals.killed > totals.lives / 4);
  CHECK(totals.rolled_back > 0);
  CHECK(totals.refused > 0);
  CHECK(totals.not_committed > 0);
}

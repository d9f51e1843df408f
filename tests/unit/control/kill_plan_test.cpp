// kill -9 at random moments of a rollout with a plan, a ladder and receivers of messages, in a
// process of its own: no weight is raised, a decided rollback stays decided, and nobody is told of
// one rollback under two ids.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/random.hpp"
#include "support/environment.hpp"
#include "support/forked.hpp"
#include "unit/control/control_fixture.hpp"

using namespace canary;
using namespace canary::control;
using support::TempDir;
using namespace std::chrono_literals;

namespace {

/// What the child tells, in memory that outlives it.
struct Witness {
  std::atomic<std::uint32_t> weight;   // of the last table that was published
  std::atomic<std::uint32_t> decided;  // 1: that was of a canary under rollback
  std::atomic<std::uint32_t> number;   // of the last rollback that people were told of
  char id[64];                         // and the id it had
};

using SharedWitness = support::SharedMemory<Witness>;

Yaml with_plan(bool gradual, int attempt) {
  Yaml yaml;
  yaml.percentage = "100";
  yaml.attempt = attempt;
  yaml.extra =
      "    plan: { phases: [{ percentage: 10, hold: 3s }, { percentage: 50, hold: 3s }, "
      "{ percentage: 100, hold: 3s }] }\n    rollback: { mode: " +
      std::string(gradual ? "gradual" : "immediate") + ", rung_hold: 2s, watch: 3s, drain: 1s }\n";
  return yaml;
}

/// Anything that may happen in a simulated second.
void happen(House& house, base::Random& random, int& attempt) {
  const rollout::Actor actor{"op", "seeded"};
  const auto ignore = [](const Outcome&) {};
  switch (random.below(24)) {
    case 0:
      return house.controller->rollback("m", rollout::Mode::immediate, actor, ignore);
    case 1:
      return house.controller->rollback("m", rollout::Mode::gradual, actor, ignore);
    case 2:
    case 3:
      return house.controller->resume("m", actor, ignore);
    case 4:
      return house.controller->promote("m", actor, ignore);
    case 5:
      return house.controller->pause("m", actor, ignore);
    case 6:
      return house.controller->complaint("m", random.below(2) == 0, actor, ignore);
    case 7:
      return house.observe("m_v2", 50, true);
    case 8:
      house.write(with_plan(random.below(2) == 0, ++attempt));
      return house.controller->reload("op", ignore);
    default:
      return house.observe("m_v2", 50, false);
  }
}

[[maybe_unused]] int live_and_die(const TempDir& dir, std::uint64_t seed, SharedWitness& witness) {
  base::Random random(seed);
  House house(dir);
  const bool die_in_publish = random.below(3) == 0;
  int left = 1 + static_cast<int>(random.below(die_in_publish ? 8 : 80));
  house.plane.on_publish = [&] {
    // A lowering has its slot by now; what opens the latch is committed, and may take effect.
    const auto state = house.model().rollout;
    witness->decided = state.latched || rollout::on_ladder(state);
    if (die_in_publish && --left <= 0) support::die();
    witness->weight = house.plane.weight();
  };
  house.notifier.on_send = [&](const notify::Message& message) {
    if (!message.body.starts_with("rollback ")) return;
    std::strncpy(witness->id, message.id.c_str(), sizeof witness->id - 1);
    witness->number = house.model().rollout.rollbacks;
  };
  int attempt = 1;
  house.start();
  for (int i = 0; i < 1000; ++i) {
    if (!die_in_publish && --left <= 0) support::die();
    happen(house, random, attempt);
    for (std::uint32_t turns = random.below(4); turns > 0; --turns) {
      house.io.restart();
      house.io.run_one_for(1ms);
    }
    if (random.below(3) != 0) house.plane.apply();
    house.clock.advance(1s);
    house.controller->tick();
  }
  return 3;
}

}  // namespace

TEST_CASE("kill -9 at random moments of a plan: nothing rises, and a rollback keeps its name") {
#ifdef CANARY_NO_FORK
  WARN("skipped: ThreadSanitizer does not support threads in a forked child");
#else
  int decided = 0, told_again = 0, with_weight = 0;
  const auto seeds = static_cast<std::uint64_t>(
      std::min(200L, support::from_environment("CANARY_SCENARIO_SEEDS", 200)));
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const TempDir dir(TempDir::fast_place());
    SharedWitness witness;
    {
      House first(dir);
      first.write(with_plan(false, 1));
      first.start();
      witness->weight = first.effective();
    }
    CAPTURE(seed);
    const auto ending = support::in_child([&] { return live_and_die(dir, seed, witness); });
    INFO(ending.text());
    REQUIRE(ending.killed);

    House next(dir);
    next.start_on_accepted();
    const auto state = next.model().rollout;
    CHECK(next.effective() <= witness->weight);
    CHECK(next.plane.weight() == next.effective());
    if (witness->decided) CHECK((state.latched || rollout::on_ladder(state)));
    CHECK(state.rollbacks >= witness->number);
    if (witness->number > 0 && state.rollbacks == witness->number)
      told_again += std::any_of(next.notifier.sent.begin(), next.notifier.sent.end(),
                                [&](const auto& message) { return message.id == witness->id; });
    decided += witness->decided;
    with_weight += next.effective() > 0;
  }
  if (seeds < 200) return;
  // All of it was met.
  CHECK(decided > 30);
  CHECK(told_again > 0);
  CHECK(with_weight > 30);
#endif
}

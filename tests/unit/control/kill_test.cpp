// kill -9 at random moments of a real process: the next one never has more weight than the last
// table the dead one published.
#include <atomic>

#include "base/random.hpp"
#include "support/forked.hpp"
#include "unit/control/control_fixture.hpp"

using namespace canary;
using namespace canary::control;
using support::TempDir;

namespace {

/// What the child tells: the weight of the last table that was published.
using Witness = support::SharedMemory<std::atomic<std::uint32_t>>;

/// A gateway's life that ends by SIGKILL at the seed's moment: inside a publish, or at some turn of
/// the loop while commands, failures and reloads are on their way.
[[maybe_unused]] int live_and_die(const TempDir& dir, std::uint64_t seed, Witness& witness) {
  base::Random random(seed);
  House house(dir);
  const bool die_in_publish = random.below(3) == 0;
  int left = 1 + static_cast<int>(random.below(die_in_publish ? 6 : 60));
  house.plane.on_publish = [&] {
    if (die_in_publish && --left <= 0) support::die();
    *witness = house.plane.weight();
  };
  house.start();
  for (int i = 0; i < 1000; ++i) {
    if (!die_in_publish && --left <= 0) support::die();
    const auto percentage = static_cast<base::BasisPoints>(random.below(5) * 2500);
    const rollout::Actor actor{"op", "seeded"};
    const auto ignore = [](const Outcome&) {};
    switch (random.below(6)) {
      case 0:
      case 1:
        house.controller->set_flag("m_v2", percentage, actor, ignore);
        break;
      case 2:
        house.controller->rollback("m", rollout::Mode::immediate, actor, ignore);
        break;
      case 3:
        house.controller->resume("m", actor, ignore);
        break;
      case 4:
        house.controller->clear_flag("m_v2", actor, ignore);
        break;
      default: {
        Yaml yaml;
        yaml.percentage = base::format_percent(percentage);
        house.write(yaml);
        house.controller->reload("op", ignore);
      }
    }
    for (std::uint32_t turns = random.below(4); turns > 0; --turns) {
      house.io.restart();
      house.io.run_one_for(std::chrono::milliseconds(1));
    }
    if (random.below(2) == 0) house.plane.apply();
  }
  return 3;
}

}  // namespace

TEST_CASE("kill -9 at random moments: the weight after the restart is never higher") {
#ifdef CANARY_NO_FORK
  WARN("skipped: ThreadSanitizer does not support threads in a forked child");
#else
  int with_weight = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const TempDir dir(TempDir::fast_place());
    Witness witness;
    {
      House first(dir);
      Yaml yaml;
      yaml.percentage = "50";
      first.write(yaml);
      first.start();
      *witness = first.effective();
    }
    CAPTURE(seed);
    const auto ending = support::in_child([&] { return live_and_die(dir, seed, witness); });
    INFO(ending.text());
    REQUIRE(ending.killed);

    House next(dir);
    next.start_on_accepted();
    CHECK(next.effective() <= *witness);
    CHECK(next.plane.weight() == next.effective());
    with_weight += next.effective() > 0;
  }
  CHECK(with_weight > 3);  // not all of them are 0 for another reason
#endif
}

// Random lives by seed: operators, edits, failures and kill -9, one process after another on one
// state directory. A failure's weight never comes back by itself, and no restart raises anything.
#include "base/random.hpp"
#include "unit/control/control_fixture.hpp"

using namespace canary;
using namespace canary::control;
using support::TempDir;

namespace {

/// What the outside may rely on, kept beside the gateway.
struct Promise {
  bool failed = false;            // a failure or a rollback, and nobody has opened it
  std::uint32_t attempt = 1;      // the highest attempt the file has had
  base::BasisPoints ceiling = 0;  // the weight that was last promised to be in force
};

base::BasisPoints pick(base::Random& random) {
  constexpr base::BasisPoints choices[] = {0, 100, 1000, 5000, 10000};
  return choices[random.below(5)];
}

void act(House& house, base::Random& random, Promise& promise, Yaml& yaml) {
  switch (random.below(7)) {
    case 0:
    case 1: {
      const Outcome outcome = house.set_flag(pick(random));
      CHECK((outcome.status == 200 || outcome.status == 409));
      break;
    }
    case 2:
      CHECK(house.clear_flag().status == 200);
      break;
    case 3:
      if (house.rollback().status == 200) promise.failed = true;
      break;
    case 4:
      if (random.below(2) == 0 && house.resume().status == 200) promise.failed = false;
      break;
    case 5: {
      if (random.below(3) == 0) {
        ++yaml.attempt;
        promise.failed = false;
      }
      yaml.percentage = base::format_percent(pick(random));
      house.write(yaml);
      REQUIRE(house.reload().status == 200);
      break;
    }
    default:
      if (house.effective() == 0) break;
      house.observe("m_v2", 50, true);
      house.run_until([&] { return house.model().rollout.latched; });
      house.run_until([&] { return house.settled(); });
      promise.failed = true;
  }
}

}  // namespace

TEST_CASE("random lives: after a failure the weight stays 0, and no restart raises it") {
  const std::uint64_t seeds[] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (const auto seed : seeds) {
    CAPTURE(seed);
    base::Random random(seed);
    const TempDir dir;
    Yaml yaml;
    Promise promise;
    {
      House house(dir);
      house.write(yaml);
    }
    for (int life = 0; life < 4; ++life) {
      House house(dir);
      const bool first = life == 0;
      house.start();
      CAPTURE(life);
      if (!first) REQUIRE(house.effective() <= promise.ceiling);
      for (int i = 0; i < 8; ++i) {
        CAPTURE(i);
        const auto before = house.plane.published.size();
        act(house, random, promise, yaml);
        if (promise.failed) {
          REQUIRE(house.effective() == 0);
          REQUIRE(house.plane.weight() == 0);
        }
        REQUIRE(house.plane.weight() == house.effective());
        REQUIRE(house.plane.published.size() >= before);
        // The slot never promises more than what is in force.
        const auto slot = house.slot();
        REQUIRE(slot);
        REQUIRE(slot->latched == house.model().rollout.latched);
      }
      promise.ceiling = house.effective();
      // A raise may be on its way when the process is killed: it was not answered.
      if (random.below(2) == 0)
        house.controller->set_flag("m_v2", 10000, {"late", ""}, [](const Outcome&) {});
      if (random.below(2) == 0)
        house.controller->rollback("m", rollout::Mode::immediate, {"late", ""},
                                   [&](const Outcome&) {});
      if (house.model().rollout.latched) {
        promise.ceiling = 0;
        promise.failed = true;
      }
      house.crash();
    }
  }
}

TEST_CASE("random lives: the history explains every change of the weight") {
  base::Random random(99);
  const TempDir dir;
  House house(dir);
  Yaml yaml;
  Promise promise;
  house.write(yaml);
  house.start();
  for (int i = 0; i < 25; ++i) act(house, random, promise, yaml);
  house.run_until([&] { return house.model().durable; });
  const auto rows = house.history();
  REQUIRE_FALSE(rows.empty());
  CHECK(rows.front().entry.after == house.effective());
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    CAPTURE(i, name(rows[i].entry.kind));
    CHECK(rows[i].entry.before == rows[i + 1].entry.after);
    CHECK_FALSE(rows[i].entry.reason.empty());
  }
}

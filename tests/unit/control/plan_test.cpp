// A plan of seconds through a whole controller: its ticks, its commits, its restarts.
#include "unit/control/control_fixture.hpp"

using namespace canary;
using namespace canary::control;
using support::TempDir;
using namespace std::chrono_literals;

namespace {

Yaml planned(const std::string& more = "") {
  Yaml yaml;
  yaml.percentage = "100";
  yaml.extra =
      "    plan: { phases: [{ percentage: 10, hold: 10s }, { percentage: 50, hold: 20s },"
      " { percentage: 100, hold: 20s }]" +
      more + " }\n";
  return yaml;
}

/// Lets time pass with good traffic, until the condition holds.
void pass_time(House& house, const std::function<bool()>& condition) {
  house.run_until([&] {
    house.observe("m_v2", 5, false);
    house.clock.advance(200ms);
    return condition();
  });
}

void reach_phase(House& house, std::uint32_t phase) {
  pass_time(house, [&] { return house.model().rollout.phase == phase; });
  house.run_until([&] { return house.settled(); });
}

}  // namespace

TEST_CASE("a plan is walked by the ticks, and the history says why at each step") {
  const TempDir dir;
  House house(dir);
  house.write(planned());
  house.start();
  CHECK(house.plane.weight() == 1000);
  CHECK(house.model().weight.limited_by == rollout::Weight::Limit::phase);
  REQUIRE(house.model().phase);
  CHECK(house.model().phase->count == 3);
  reach_phase(house, 2);
  CHECK(house.plane.weight() == 5000);
  reach_phase(house, 3);
  pass_time(house, [&] { return house.model().rollout.status == rollout::Status::complete; });
  CHECK(house.plane.weight() == 10000);
  const auto rows = house.history();
  std::vector<std::string> kinds;
  for (const auto& row : rows) kinds.emplace_back(name(row.entry.kind));
  CHECK(kinds == std::vector<std::string>{"complete", "phase", "phase", "file"});
  CHECK(rows.at(1).entry.phase == 3);
  CHECK(rows.at(2).entry.before == 1000);
  CHECK(rows.at(2).entry.after == 5000);
  CHECK(rows.at(2).entry.reason.find("error rate 0%") != std::string::npos);
}

TEST_CASE("a completed canary may become stable, and is closed as promoted") {
  const TempDir dir;
  House house(dir);
  house.write(planned());
  house.start();
  for (std::uint32_t phase = 1; phase <= 3; ++phase)
    CHECK(house
              .await([&](Done done) {
                house.controller->promote("m", {"ann", "good"}, std::move(done), {phase, {}});
              })
              .status == 200);
  CHECK(house.model().rollout.status == rollout::Status::complete);
  Yaml next = planned();
  next.stable = "m_v2";
  next.canary = "m_v3";
  house.write(next);
  CHECK(house.reload().status == 200);
  CHECK(house.model().rollout.phase == 1);
  CHECK(house.plane.weight() == 1000);
  house.run_until([&] {
    return house.history().front().entry.kind == config::EntryKind::promoted ||
           house.history().at(1).entry.kind == config::EntryKind::promoted;
  });
  house.crash();
  House again(dir);
  again.start();
  CHECK(again.controller->status().config.warnings.empty());
  CHECK(again.plane.weight() == 1000);
}

TEST_CASE("phase and clock survive a restart, and downtime does not count") {
  const TempDir dir;
  {
    House house(dir);
    house.write(planned());
    house.start();
    reach_phase(house, 2);
    pass_time(house, [&] { return house.model().rollout.judged >= 5s; });
    house.controller->stop();
  }
  House house(dir);
  house.clock.advance(24h);
  house.start();
  CHECK(house.plane.weight() == 5000);
  CHECK(house.model().rollout.phase == 2);
  CHECK(house.model().rollout.judged >= 5s);
  CHECK(house.model().rollout.judged < 20s);
}

TEST_CASE("a step that was committed but not in force is not taken by the restart") {
  const TempDir dir;
  {
    House house(dir);
    house.write(planned());
    house.start();
    house.plane.at_once = false;
    const auto before = house.plane.published.size();
    house.controller->promote("m", {"ann", "good"}, [](const Outcome&) {}, {1, {}});
    house.run_until([&] { return house.plane.published.size() > before; });
    CHECK(house.plane.weight() == 5000);
    CHECK(house.slot()->phase == base::BasisPoints{1000});
    house.crash();
  }
  House house(dir);
  house.start();
  CHECK(house.plane.weight() == 1000);
  CHECK(house.model().rollout.phase == 1);
  CHECK(house.model().rollout.judged == 0s);
}

TEST_CASE("no time counts while the weight is not in force on every worker") {
  const TempDir dir;
  House house(dir);
  house.write(planned());
  house.start();
  house.plane.at_once = false;
  house.observe("m_v2", 30, false);
  const auto before = house.plane.published.size();
  house.controller->pause("m", {"ann", "look"}, [](const Outcome&) {});
  house.controller->resume("m", {"ann", "go on"}, [](const Outcome&) {});
  house.run_until([&] { return house.plane.published.size() >= before + 2; });
  const auto spent = house.model().rollout.spent;
  house.clock.advance(5s);
  house.observe("m_v2", 30, false);
  house.run_until([&] { return house.model().criteria.at(0).samples >= 60; });
  CHECK(house.model().rollout.spent == spent);
}

TEST_CASE("a failure rolls back from a gate and while paused") {
  const TempDir dir;
  House house(dir);
  house.write(planned(", advance: manual"));
  house.start();
  pass_time(house, [&] { return house.model().rollout.status == rollout::Status::gate; });
  CHECK(house.plane.weight() == 1000);
  CHECK(house
            .await([&](Done done) {
              house.controller->pause("m", {"ann", "look"}, std::move(done));
            })
            .status == 200);
  CHECK(house.model().rollout.status == rollout::Status::paused);
  house.fail_canary();
  CHECK(house.plane.weight() == 0);
  CHECK(house.model().rollout.status == rollout::Status::rolled_back);
}

TEST_CASE("a critical complaint rolls back, and is counted with its trigger") {
  const TempDir dir;
  House house(dir);
  house.write(planned());
  house.start();
  const auto complain = [&](bool critical) {
    return house.await([&](Done done) {
      house.controller->complaint("m", critical, {"ann", "prices are negative"}, std::move(done));
    });
  };
  CHECK(complain(false).weight.effective == 1000);
  CHECK(complain(true).weight.effective == 0);
  CHECK(house.model().rollout.latched);
  REQUIRE(house.controller->rollbacks().size() == 1);
  CHECK(house.controller->rollbacks().at(0).trigger == "critical_bug");
}

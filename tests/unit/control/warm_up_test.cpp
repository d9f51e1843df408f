// A cold canary: what it serves before it is warm is no evidence.
#include "unit/control/control_fixture.hpp"

using namespace canary;
using namespace canary::control;
using support::TempDir;
using namespace std::chrono_literals;

namespace {

Yaml cold(const std::string& warm_up, const std::string& plan = "") {
  Yaml yaml;
  yaml.percentage = plan.empty() ? "10" : "100";
  yaml.extra = "    warm_up: " + warm_up + "\n" + plan;
  return yaml;
}

const std::string of_seconds =
    "    plan: { phases: [{ percentage: 10, hold: 10s }, { percentage: 50, hold: 20s }] }\n";

std::string reason(const House& house) { return house.model().criteria.at(0).reason; }

/// Ticks until the reason is this one.
void await_reason(House& house, const std::string& wanted) {
  house.run_until([&] { return reason(house) == wanted; });
}

}  // namespace

TEST_CASE("the first requests of a canary are counted, and judge nothing") {
  const TempDir dir;
  House house(dir);
  house.write(cold("{ requests: 50 }"));
  house.start();
  await_reason(house, "warming up: 0 of 50 requests");
  house.observe("m_v2", 30, true);
  await_reason(house, "warming up: 30 of 50 requests");
  CHECK_FALSE(house.model().criteria.at(0).enough);
  CHECK(house.model().criteria.at(0).samples == 0);
  house.observe("m_v2", 20, true);
  await_reason(house, "0 of 20 samples in 1m");
  CHECK(house.effective() == 1000);
  house.observe("m_v2", 30, false);
  house.run_until(
      [&] { return house.model().criteria.at(0).verdict == analysis::Verdict::success; });
  CHECK(house.model().criteria.at(0).samples == 30);
  house.fail_canary();
  CHECK(house.row(config::EntryKind::rollback));
}

TEST_CASE("a warm-up ends when both its requests and its time are there") {
  const TempDir dir;
  House house(dir);
  house.write(cold("{ requests: 10, duration: 30s }"));
  house.start();
  house.observe("m_v2", 25, true);
  await_reason(house, "warming up: 10 of 10 requests, 0s of 30s");
  house.clock.advance(12s);
  await_reason(house, "warming up: 10 of 10 requests, 12s of 30s");
  house.clock.advance(18s);
  await_reason(house, "0 of 20 samples in 1m");
  CHECK(house.effective() == 1000);
}

TEST_CASE("a phase's time begins when the canary is warm") {
  const TempDir dir;
  House house(dir);
  house.write(cold("{ duration: 60s }", of_seconds));
  house.start();
  for (int i = 0; i < 50; ++i) {
    house.observe("m_v2", 30, false);
    house.clock.advance(1s);
    const std::string passed = std::to_string(i + 1) + "s of 1m";
    await_reason(house, "warming up: " + passed);
  }
  CHECK(house.model().rollout.phase == 1);
  CHECK(house.model().rollout.spent == 0s);
  CHECK(house.model().rollout.judged == 0s);
  house.clock.advance(10s);
  house.run_until([&] {
    house.observe("m_v2", 5, false);
    house.clock.advance(200ms);
    return house.model().rollout.phase == 2;
  });
  CHECK(house.model().rollout.status == rollout::Status::running);
}

TEST_CASE("a higher weight is no reason to warm up again, a return from 0 is") {
  const TempDir dir;
  House house(dir);
  house.write(cold("{ requests: 10 }"));
  house.start();
  house.observe("m_v2", 40, false);
  await_reason(house, "0 of 20 samples in 1m");
  Yaml more = cold("{ requests: 10 }");
  more.percentage = "50";
  house.write(more);
  CHECK(house.reload().status == 200);
  house.observe("m_v2", 30, false);
  house.run_until(
      [&] { return house.model().criteria.at(0).verdict == analysis::Verdict::success; });
  CHECK(house.rollback().status == 200);
  house.run_until([&] { return house.settled() && house.plane.weight() == 0; });
  CHECK(house.resume().status == 200);
  await_reason(house, "warming up: 0 of 10 requests");
}

TEST_CASE("a person's rollback and a critical bug wait for no warm-up") {
  const bool by_bug = GENERATE(false, true);
  const TempDir dir;
  House house(dir);
  house.write(cold("{ requests: 1000 }"));
  house.start();
  await_reason(house, "warming up: 0 of 1000 requests");
  const Outcome outcome = by_bug ? house.await([&](Done done) {
    house.controller->complaint("m", true, {"ann", "it insults people"}, std::move(done));
  })
                                 : house.rollback();
  CHECK(outcome.status == 200);
  CHECK(house.effective() == 0);
  CHECK(house.model().rollout.latched);
}

TEST_CASE("a restart warms up again") {
  const TempDir dir;
  {
    House house(dir);
    house.write(cold("{ requests: 10 }"));
    house.start();
    house.observe("m_v2", 10, false);
    await_reason(house, "0 of 20 samples in 1m");
  }
  House again(dir);
  again.start();
  await_reason(again, "warming up: 0 of 10 requests");
}

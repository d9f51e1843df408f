// What commands were decided on, how many may change nothing, and in which order people are told.
#include "control/entry_limit.hpp"
#include "control/telling.hpp"
#include "unit/control/control_fixture.hpp"

using namespace canary;
using namespace canary::control;
using namespace std::chrono_literals;
using support::TempDir;

namespace {

Yaml planned() {
  Yaml yaml;
  yaml.percentage = "100";
  yaml.extra =
      "    plan: { phases: [{ percentage: 10, hold: 7d }, { percentage: 50, hold: 7d }, "
      "{ percentage: 100, hold: 14d }] }\n";
  return yaml;
}

/// Lets a tick judge the present phase.
void measure(House& house) {
  const auto judged = [&] { return house.model().rollout.judged; };
  const auto before = judged();
  house.run_until([&] {
    house.observe("m_v2", 30, false);
    house.clock.advance(100ms);
    house.controller->tick();
    return judged() > before;
  });
}

struct Answers {
  std::vector<int> statuses;
  std::vector<Outcome> outcomes;
  Done done() {
    return [this](const Outcome& outcome) {
      statuses.push_back(outcome.status);
      outcomes.push_back(outcome);
    };
  }
};

}  // namespace

TEST_CASE("promotes that meet one another end one phase") {
  const TempDir dir;
  House house(dir);
  house.write(planned());
  house.start();
  measure(house);
  Answers answers;
  for (int i = 0; i < 3; ++i) house.controller->promote("m", {"ann", "good"}, answers.done());
  house.run_until([&] { return answers.statuses.size() == 3; });
  CHECK(std::count(answers.statuses.begin(), answers.statuses.end(), 200) == 1);
  CHECK(std::count(answers.statuses.begin(), answers.statuses.end(), 409) == 2);
  CHECK(house.model().rollout.phase == 2);
  // Nor does one that comes later, before anything was measured.
  CHECK(house.await([&](Done d) { house.controller->promote("m", {"ann", ""}, d); }).status == 409);
  CHECK(house.effective() == 5000);
}

TEST_CASE("a command that says what it was decided on is refused when that is not so any more") {
  const TempDir dir;
  House house(dir);
  house.write(planned());
  house.start();
  Answers answers;
  for (int i = 0; i < 3; ++i)
    house.controller->promote("m", {"ann", "good"}, answers.done(), {1, {}});
  house.run_until([&] { return answers.statuses.size() == 3; });
  CHECK(house.model().rollout.phase == 2);
  const auto stale = std::count_if(answers.outcomes.begin(), answers.outcomes.end(),
                                   [](const auto& each) { return each.basis_broken; });
  CHECK(stale == 2);

  const auto refused = [&](const Outcome& outcome) {
    CAPTURE(outcome.status, outcome.message);
    return outcome.status == 409 && outcome.basis_broken &&
           outcome.message.find("look at the status") != std::string::npos;
  };
  const rollout::Actor ann{"ann", "r"};
  const Basis old_phase{1, {}}, old_rollback{{}, 7};
  auto& gateway = *house.controller;
  using M = rollout::Mode;
  CHECK(refused(house.await([&](Done d) { gateway.pause("m", ann, d, old_phase); })));
  CHECK(refused(house.await([&](Done d) { gateway.set_flag("m_v2", 0, ann, d, old_phase); })));
  CHECK(refused(house.await([&](Done d) { gateway.clear_flag("m_v2", ann, d, old_rollback); })));
  CHECK(refused(
      house.await([&](Done d) { gateway.rollback("m", M::immediate, ann, d, old_phase); })));
  CHECK(refused(house.await([&](Done d) { gateway.complaint("m", true, ann, d, old_rollback); })));
  CHECK(house.effective() == 5000);
  CHECK(house.await([&](Done d) {
               gateway.rollback("m", M::immediate, ann, d, {2, 0});
             })
            .status == 200);
  CHECK(refused(house.await([&](Done d) { gateway.resume("m", ann, d, {{}, 0}); })));
  CHECK(house.model().rollout.latched);
  CHECK(house.await([&](Done d) { gateway.resume("m", ann, d, {{}, 1}); }).status == 200);
}

TEST_CASE("forget rests on the rollback that its sender saw") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  REQUIRE(house.rollback().status == 200);
  Yaml next;
  next.canary = "m_v3";
  house.write(next);
  REQUIRE(house.reload().status == 200);
  const auto forget = [&](std::uint32_t rollback) {
    return house.await([&](Done done) {
      house.controller->forget("m_v2", {"ann", "gone"}, std::move(done), {{}, rollback});
    });
  };
  const Outcome late = forget(0);
  CHECK(late.status == 409);
  CHECK(late.basis_broken);
  CHECK(house.slot("m_v2")->latched);
  CHECK(forget(1).status == 200);
  CHECK_FALSE(house.slot("m_v2"));
}

TEST_CASE("a status that has changed while a command waited refuses it") {
  const TempDir dir;
  House house(dir);
  house.write(planned());
  house.start();
  Answers answers;
  const Basis seen{{}, {}, [&] { return house.model().rollout.phase == 1; }};
  house.controller->promote("m", {"ann", "good"}, answers.done(), seen);
  house.controller->promote("m", {"bob", "good"}, answers.done(), seen);
  house.run_until([&] { return answers.statuses.size() == 2; });
  CHECK(house.model().rollout.phase == 2);
  CHECK(std::count(answers.statuses.begin(), answers.statuses.end(), 409) == 1);
}

TEST_CASE("entries that change nothing are bounded, and decisions go on") {
  const TempDir dir;
  House house(dir);
  house.write(planned());
  house.start();
  Answers answers;
  constexpr int sent = 500;
  for (int i = 0; i < sent; ++i)
    house.controller->complaint("m", false, {"x", "r"}, answers.done());
  house.run_until([&] { return answers.statuses.size() == sent; });
  CHECK(std::count(answers.statuses.begin(), answers.statuses.end(), 200) ==
        static_cast<int>(EntryLimit::burst));
  CHECK(std::count(answers.statuses.begin(), answers.statuses.end(), 429) ==
        sent - static_cast<int>(EntryLimit::burst));
  // Of another kind, and whatever decides something.
  CHECK(house.await([&](Done d) { house.controller->pause("m", {"a", "r"}, d); }).status == 200);
  CHECK(house.await([&](Done d) {
               house.controller->complaint("m", true, {"a", "r"}, d);
             })
            .status == 200);
  CHECK(house.model().rollout.latched);
  // One a second afterwards.
  house.clock.advance(2s);
  const auto complain = [&] {
    return house.await([&](Done d) {
                  house.controller->complaint("m", false, {"x", "r"}, d);
                })
        .status;
  };
  CHECK(complain() == 200);
  CHECK(complain() == 200);
  CHECK(complain() == 429);
}

TEST_CASE("a rollback is told at once, and what was decided before it is told before it") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.run_until([&] { return house.model().durable && !house.notifier.sent.empty(); });
  house.notifier.sent.clear();
  Answers answers;
  house.controller->set_flag("m_v2", 500, {"a", ""}, answers.done());
  CHECK(house.notifier.told().empty());  // until it is committed
  house.controller->rollback("m", rollout::Mode::immediate, {"a", "b"}, answers.done());
  // Without a turn of the loop: neither waited for the disk.
  CHECK(house.notifier.told() == "command flag, rollback rollback");
  house.run_until([&] { return house.model().durable; });
  CHECK(house.notifier.told().substr(0, 31) == "command flag, rollback rollback");
  CHECK(house.notifier.told().find("flag", 20) == std::string::npos);  // once
}

TEST_CASE("after a resume the status shows nothing of before it") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.fail_canary();
  REQUIRE(house.model().criteria.at(0).verdict == analysis::Verdict::failure);
  REQUIRE(house.resume().status == 200);
  CHECK(house.model().criteria.at(0).verdict != analysis::Verdict::failure);
  CHECK(house.model().criteria.at(0).samples == 0);
}

TEST_CASE("decisions are told in their order, each once") {
  FakeNotifier notifier;
  Telling telling(&notifier);
  const auto message = [](const char* body) { return Telling::Messages{{body, "r", body, {}}}; };
  const auto one = telling.add(message("1")), two = telling.add({}),
             three = telling.add(message("3"));
  telling.tell_until(three);
  telling.tell_until(one);
  telling.tell_until(two);
  CHECK(notifier.told() == "1, 3");
  telling.tell_until(telling.add(message("4")));
  CHECK(notifier.told() == "1, 3, 4");
}

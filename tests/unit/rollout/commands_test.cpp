// What people ask for, decided on the state that it meets.
#include <catch2/catch.hpp>

#include "unit/rollout/plan_world.hpp"

using namespace canary;
using namespace canary::rollout;

namespace {

const Actor ann{"ann", "back from lunch"};

bool says(const Decision& decision, const std::string& words) {
  INFO((decision.entry ? decision.entry->reason : std::string("no entry")));
  return decision.entry && decision.entry->reason.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("a resume ends the pause and leaves the latch that closed since") {
  const Actor bob{"bob", "wrong numbers"};
  const std::vector<Event> closings = {Measured{{failure()}, 1s}, Rollback{bob},
                                       Complaint{bob, true}, StateLost{"gone"}};
  for (const Event& closing : closings) {
    CAPTURE(closing.index());
    Life life;
    life(Pause{ann});
    life(closing);
    REQUIRE(life.state.latched);
    const std::string why = life.state.reason;
    const Decision first = life(Resume{ann});
    REQUIRE_FALSE(first.refused);
    CHECK(life.state.latched);
    CHECK_FALSE(life.state.paused);
    CHECK(life.effective() == 0);
    CHECK(life.state.reason == why);
    CHECK(first.entry->kind == config::EntryKind::resume);
    CHECK(first.entry->harmless);
    CHECK(says(first, "stays rolled back"));
    CHECK(says(first, "`canary-gateway resume m --reason ...` or"));
    const Decision second = life(Resume{ann});
    CHECK_FALSE(life.state.latched);
    CHECK_FALSE(second.entry->harmless);
    CHECK(life.effective() == 1000);
  }
}

TEST_CASE("a second pause is refused and says whose the first one is") {
  Life life;
  life(Pause{{"ann", "the quarter ends"}});
  const Decision again = life(Pause{{"bob", "why not"}});
  CHECK(again.refused);
  REQUIRE(again.entry);
  CHECK(again.entry->reason == "m_v2 is already paused (paused by ann: the quarter ends)");
  CHECK(again.entry->actor == "bob");
  CHECK(life.state.paused);
  life(SetFlag{5000, {"bob", "less"}});  // its reason is the state's now
  CHECK(life(Pause{{"bob", "why not"}}).entry->reason ==
        "m_v2 is already paused; the history says by whom and why");
  life(Resume{{"ann", "over"}});
  CHECK_FALSE(life(Pause{{"bob", "why not"}}).refused);
}

TEST_CASE("a resume ends the pause and leaves a gradual rollback on its way down") {
  Life life;
  life.rules.rollback.mode = Mode::gradual;
  life.tick(10s);
  REQUIRE(life.effective() == 5000);
  life(Pause{ann});
  life.tick(1s, failure());
  REQUIRE(life.state.status == Status::rolling_back);
  const BasisPoints rung = life.effective();
  CHECK(says(life(Resume{ann}), "stays rolled back"));
  CHECK(life.state.status == Status::rolling_back);
  CHECK(life.effective() == rung);
  life(Resume{ann});
  CHECK(life.state.status == Status::running);
}

TEST_CASE("a resume that names the rollback opens the latch, and the pause is over with it") {
  Life life;
  life(Pause{ann});
  life.tick(1s, failure());
  life(Resume{ann, true});
  CHECK_FALSE(life.state.latched);
  CHECK_FALSE(life.state.paused);
  CHECK(life.state.status == Status::running);
}

TEST_CASE("what a refused raise advises takes a pause into account") {
  Life life;
  life(Pause{ann});
  life.tick(1s, failure());
  CHECK(says(life(SetFlag{5000, ann}), "(twice: the first one ends the pause"));
  life(Resume{ann});
  CHECK_FALSE(says(life(SetFlag{5000, ann}), "twice"));
}

TEST_CASE("a phase of which nothing was measured ends only for those who name it") {
  Life life;
  for (int i = 0; i < 3; ++i) CHECK(life(Promote{ann}).refused);
  CHECK(says(life(Promote{ann}), "expect: {\"phase\": 1}"));
  CHECK(life.state.phase == 1);
  life.tick(1s, starved());
  CHECK(life(Promote{ann}).refused);
  life.tick(1s);
  CHECK_FALSE(life(Promote{ann}).refused);
  CHECK(life.state.phase == 2);
  CHECK(life(Promote{ann}).refused);  // the same once more
  CHECK_FALSE(life(Promote{ann, true}).refused);
  CHECK(life.state.phase == 3);
}

TEST_CASE("a phase that is held for lack of traffic was looked at") {
  Life life;
  life.tick(10s, starved());
  REQUIRE(life.state.status == Status::held);
  CHECK_FALSE(life(Promote{ann}).refused);
}

TEST_CASE("a promote without traffic says which term to raise, and how") {
  Life flag;
  flag(SetFlag{0, ann});
  CHECK(says(flag(Promote{ann}), "`canary-gateway set m_v2 PERCENT`"));
  Life file;
  file.put_file(0);
  CHECK(says(file(Promote{ann}), "rollout_percentage in the file"));
}

TEST_CASE("a flag that moves no weight decides nothing; one at 0 always does") {
  Life life;  // in the first phase, at 10%
  CHECK(life(SetFlag{5000, ann}).entry->harmless);
  CHECK(life(SetFlag{2000, ann}).entry->harmless);
  CHECK(life(ClearFlag{ann}).entry->harmless);
  CHECK_FALSE(life(SetFlag{500, ann}).entry->harmless);
  CHECK_FALSE(life(SetFlag{0, ann}).entry->harmless);
  life.put_file(0);
  CHECK(life(SetFlag{100, ann}).entry->harmless);
  CHECK_FALSE(life(SetFlag{0, ann}).entry->harmless);
}

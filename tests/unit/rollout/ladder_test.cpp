// The gradual rollback: down the ladder, judged at every rung.
#include <catch2/catch.hpp>

#include "unit/rollout/plan_world.hpp"

using namespace canary;
using namespace canary::rollout;
using analysis::Reading;
using analysis::Verdict;

namespace {

const Actor alice{"alice", "too many odd answers"};

Reading named(std::string criterion, Verdict verdict, double value = 0) {
  Reading out = reading(verdict);
  out.criterion = std::move(criterion);
  out.value = value;
  out.reason = out.criterion + " " + std::string(analysis::name(verdict));
  return out;
}

Reading few(Reading reading) {
  reading.samples = 400;  // 8 errors
  return reading;
}

/// At 100%, in the last phase of a plan whose triggers go down the ladder.
Life at_full() {
  Life life;
  life.rules.rollback.mode = Mode::gradual;
  life.rules.rollback.rung_hold = 30s;
  life.tick(10s);
  life.tick(20s);
  REQUIRE(life.effective() == 10000);
  return life;
}

Decision rung_tick(Life& life, base::Duration elapsed, std::vector<Reading> canary,
                   std::vector<Reading> stable = {}) {
  return life(Measured{std::move(canary), elapsed, std::move(stable)});
}

}  // namespace

TEST_CASE("a trigger goes down the ladder rung by rung, and is latched at its end") {
  Life life = at_full();
  const Decision begun = life.tick(1s, failure());
  CHECK(begun.trigger == "error_rate");
  CHECK(begun.mode == Mode::gradual);
  CHECK(begun.entry->kind == config::EntryKind::rollback);
  CHECK(life.effective() == 5000);
  CHECK(life.state.status == Status::rolling_back);
  CHECK(weigh(10000, life.state).limited_by == Weight::Limit::cap);
  CHECK_FALSE(life.state.latched);
  CHECK(life.state.rollbacks == 1);
  for (const BasisPoints next : {2500, 1000, 0}) {
    CHECK_FALSE(life.tick(29s, failure()).entry);  // its own trigger brought it here
    const Decision step = life.tick(1s, failure());
    REQUIRE(step.entry);
    CHECK(step.entry->kind == config::EntryKind::rung);
    CHECK(step.trigger.empty());
    CHECK(life.effective() == next);
  }
  CHECK(life.state.latched);
  CHECK(life.state.status == Status::rolled_back);
  CHECK(life.state.proof == ProofStep::publishing);
  CHECK(life.state.rollbacks == 1);
}

TEST_CASE("the ladder begins at the first rung below the present weight") {
  Life life;
  life.tick(10s);
  REQUIRE(life.effective() == 5000);
  CHECK_FALSE(life(Rollback{alice, Mode::gradual}).refused);
  CHECK(life.effective() == 2500);
  Life low;
  CHECK(low(Rollback{alice, Mode::gradual}).trigger == "operator");
  CHECK(low.effective() == 0);  // below 10% there is no rung but 0
  CHECK(low.state.latched);
}

TEST_CASE("on the ladder it goes straight to 0 when it gets worse") {
  struct Case {
    const char* what;
    Reading reading;
    bool straight;
  };
  const Case cases[] = {
      {"a further trigger", named("latency_p95", Verdict::failure, 0.4), true},
      {"the error rate doubled", named("error_rate", Verdict::failure, 0.02), true},
      {"the error rate grew", named("error_rate", Verdict::failure, 0.019), false},
      {"twice nothing much", named("error_rate", Verdict::success, 0.02), false},
      {"twice by chance", few(named("error_rate", Verdict::failure, 0.02)), false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    Life life = at_full();
    life.tick(1s, named("error_rate", Verdict::failure, 0.01));
    REQUIRE(life.effective() == 5000);
    const Decision step = life.tick(1s, c.reading);
    CHECK(life.state.latched == c.straight);
    CHECK(step.entry.has_value() == c.straight);
    if (!c.straight) continue;
    CHECK(step.entry->kind == config::EntryKind::rung);
    CHECK(step.entry->reading->criterion == c.reading.criterion);
    CHECK(life.state.rollbacks == 1);
  }
}

TEST_CASE("a rung does not end while stable cannot take more load, and says so once") {
  Life life = at_full();
  life.tick(1s, failure());
  const std::vector<Reading> slow{named("latency_p95", Verdict::inconclusive, 0.25)};
  const Decision waits = rung_tick(life, 30s, {failure()}, slow);
  REQUIRE(waits.entry);
  CHECK(waits.entry->kind == config::EntryKind::rung_held);
  CHECK(waits.entry->reason.find("stable cannot take more load") != std::string::npos);
  CHECK_FALSE(rung_tick(life, 30s, {failure()}, slow).entry);
  CHECK(life.effective() == 5000);
  const Decision goes_on =
      rung_tick(life, 1s, {failure()}, {named("latency_p95", Verdict::success, 0.1)});
  CHECK(goes_on.entry->kind == config::EntryKind::rung);
  CHECK(life.effective() == 2500);
  // Nobody knows: the canary's users are better off with stable.
  Reading unknown = named("latency_p95", Verdict::inconclusive);
  unknown.enough = false;
  CHECK(rung_tick(life, 30s, {failure()}, {unknown}).entry->kind == config::EntryKind::rung);
}

TEST_CASE("a person or a critical bug takes a ladder to its end at once") {
  for (const Event& event : {Event(Rollback{alice}), Event(Complaint{alice, true})}) {
    Life life = at_full();
    life.tick(1s, failure());
    const Decision step = life(event);
    CHECK(step.trigger.empty());  // the rollback began before
    CHECK(step.entry->kind == config::EntryKind::rung);
    CHECK(life.state.latched);
  }
  Life life = at_full();
  life.tick(1s, failure());
  CHECK(life(Rollback{alice, Mode::gradual}).refused);
  CHECK(life(Promote{alice}).refused);
  CHECK(life(Pause{alice}).refused);
  CHECK(life.effective() == 5000);
}

TEST_CASE("on the ladder nothing raises the weight but resume and a higher attempt") {
  Life life = at_full();
  life(SetFlag{6000, alice});
  life.tick(1s, failure());
  REQUIRE(life.effective() == 5000);
  life(SetFlag{3000, alice});
  CHECK(life.effective() == 3000);
  life(ClearFlag{alice});
  CHECK(life.effective() == 3000);
  life.put_file(2000);
  life.put_file(10000);
  CHECK(life.effective() == 2000);
  Life resumed = life;
  resumed(Resume{alice});
  CHECK(resumed.state.phase == 1);
  CHECK(resumed.effective() == 1000);
  CHECK(resumed.state.status == Status::running);
  life.put_file(10000, 2);
  CHECK(life.effective() == 1000);
  CHECK(life.state.cap == full_weight);
}

TEST_CASE("a flag at 0 ends the ladder, latched") {
  Life life = at_full();
  life.tick(1s, failure());
  life(SetFlag{0, alice});
  CHECK(life.state.latched);
  CHECK(life.state.rollbacks == 1);
  CHECK(life.state.proof == ProofStep::publishing);
}

TEST_CASE("of two memories of a ladder the lower rung is believed, and it is still a rollback") {
  Life life = at_full();
  State before = life.state;
  life.tick(1s, failure());
  const State on_rung = life.state;
  State slot = before;
  slot.cap = 2500;
  slot.rollbacks = 1;
  for (const State& one : {before, on_rung}) {
    const State merged = lower_of(one, slot);
    CHECK(merged.cap == 2500);
    CHECK(merged.status == Status::rolling_back);
    CHECK(merged.rollbacks == 1);
    CHECK(merged.rung_spent == 0s);
  }
}

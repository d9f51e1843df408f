#include <catch2/catch.hpp>

#include "unit/rollout/plan_world.hpp"

using namespace canary;
using namespace canary::rollout;

namespace {
const Actor alice{"alice", "looks good"};
}

TEST_CASE("a plan is walked phase by phase, each ended by its hold and its numbers") {
  Life life;
  CHECK(life.effective() == 1000);
  CHECK(life.state.phase == 1);
  CHECK(weigh(10000, life.state).limited_by == Weight::Limit::phase);
  CHECK_FALSE(life.tick(9s).entry);
  const Decision step = life.tick(1s);
  REQUIRE(step.entry);
  CHECK(step.entry->kind == config::EntryKind::phase);
  CHECK(step.entry->before == 1000);
  CHECK(step.entry->after == 5000);
  CHECK(step.entry->phase == 2);
  CHECK(step.entry->reason ==
        "phase 2 of 3 (50%) after phase 1 of 3 (10%) held for 10s: error rate 1% (10 of 1000 "
        "requests in 1m)");
  CHECK(life.state.judged == 0s);
  CHECK(life.tick(20s).entry->after == 10000);
  CHECK(life.state.status == Status::running);
  const Decision done = life.tick(30s);
  REQUIRE(done.entry);
  CHECK(done.entry->kind == config::EntryKind::complete);
  CHECK(life.state.status == Status::complete);
  CHECK(life.effective() == 10000);
  CHECK_FALSE(life.tick(100s).entry);
}

TEST_CASE("the hold clock counts only the phase's own weight, with enough traffic, not paused") {
  Life life;
  life.tick(4s, starved());
  CHECK(life.state.judged == 0s);
  CHECK(life.state.spent == 4s);
  life.put_file(500);
  life.tick(5s);
  CHECK(life.state.spent == 4s);
  life.put_file(10000);
  life(Pause{alice});
  CHECK(life.state.status == Status::paused);
  life.tick(5s);
  CHECK(life.state.spent == 4s);
  life(Resume{alice});
  CHECK(life.state.status == Status::running);
  life.tick(5s);
  CHECK(life.state.judged == 5s);
  CHECK(life.state.spent == 9s);
}

TEST_CASE("while the canary is warming up no phase's time passes, and none ends") {
  Life life;
  life.tick(4s);
  const auto warming = [&](base::Duration elapsed) {
    return life(Measured{{starved()}, elapsed, {}, true});
  };
  CHECK_FALSE(warming(100s).entry);
  CHECK(life.state.spent == 4s);
  CHECK(life.state.judged == 4s);
  life.rules.plan->on_insufficient_data = config::Plan::OnInsufficientData::rollback;
  CHECK_FALSE(warming(100s).entry);
  CHECK(life.tick(6s).entry->kind == config::EntryKind::phase);
}

TEST_CASE("a rollback down the ladder waits for no warm-up") {
  Life life;
  life.rules.rollback.mode = Mode::gradual;
  life.tick(10s);
  REQUIRE(life.tick(1s, failure()).entry->kind == config::EntryKind::rollback);
  const BasisPoints rung = life.effective();
  life(Measured{{starved()}, life.rules.rollback.rung_hold, {success()}, true});
  CHECK(life.effective() < rung);
}

TEST_CASE("a hold that has passed with an unclear criterion is held until it is a success") {
  Life life;
  life.tick(9s);
  const Decision held = life.tick(5s, unclear());
  REQUIRE(held.entry);
  CHECK(held.entry->kind == config::EntryKind::held);
  REQUIRE(held.entry->reading);
  CHECK(held.entry->reading->samples == 1000);
  CHECK(life.state.status == Status::held);
  CHECK(life.effective() == 1000);
  CHECK_FALSE(life.tick(5s, unclear()).entry);
  CHECK(life.tick(1s).entry->kind == config::EntryKind::phase);
}

TEST_CASE("without enough traffic a phase holds, advances or rolls back, as the plan says") {
  using Policy = config::Plan::OnInsufficientData;
  const std::tuple<Policy, Status, BasisPoints, const char*> cases[] = {
      {Policy::hold, Status::held, 1000, ""},
      {Policy::advance, Status::running, 5000, ""},
      {Policy::rollback, Status::rolled_back, 0, "insufficient_data"},
  };
  for (const auto& [policy, status, weight, trigger] : cases) {
    Life life;
    life.rules.plan->on_insufficient_data = policy;
    CHECK_FALSE(life.tick(9s, starved()).entry);
    const Decision decision = life.tick(1s, starved());
    REQUIRE(decision.entry);
    INFO(decision.entry->reason);
    CHECK(life.state.status == status);
    CHECK(life.effective() == weight);
    CHECK(decision.trigger == trigger);
    CHECK(decision.entry->reason.find("3 of 200 samples") != std::string::npos);
  }
}

TEST_CASE("a lull at the end of a hold that was judged is no lack of data") {
  Life life;
  life.rules.plan->on_insufficient_data = config::Plan::OnInsufficientData::rollback;
  life.tick(9s);
  life(Pause{alice});
  life(Resume{alice});
  life.state.judged = life.state.spent = 10s;
  CHECK(life.tick(1s, starved()).entry->kind == config::EntryKind::held);
  CHECK(life.tick(1s).entry->kind == config::EntryKind::phase);
}

TEST_CASE("a manual plan waits at a gate for promote") {
  Life life;
  life.rules.plan->advance = config::Plan::Advance::manual;
  const Decision gate = life.tick(10s);
  REQUIRE(gate.entry);
  CHECK(gate.entry->kind == config::EntryKind::gate);
  CHECK(life.state.status == Status::gate);
  CHECK(life.effective() == 1000);
  CHECK_FALSE(life.tick(10s).entry);
  const Decision promoted = life(Promote{alice});
  REQUIRE(promoted.entry);
  CHECK(promoted.entry->kind == config::EntryKind::promote);
  CHECK(promoted.entry->actor == "alice");
  CHECK(life.effective() == 5000);
  CHECK(life.state.phase == 2);
}

TEST_CASE("promote ends the present phase, no more, and nothing where there is none to end") {
  Life life;
  const Promote promote{alice, true};
  life(promote);
  CHECK(life.state.phase == 2);
  life(promote);
  CHECK(life.effective() == 10000);
  CHECK(life(promote).entry->kind == config::EntryKind::complete);
  CHECK(life(promote).refused);
  life(Rollback{alice});
  CHECK(life(promote).refused);

  Life idle;
  idle(SetFlag{0, alice});
  CHECK(idle(promote).refused);
  Life without;
  without.rules.plan.reset();
  without.put_file(1000);
  CHECK(without(promote).refused);
  CHECK(without(Pause{alice}).refused);
}

TEST_CASE("a trigger is never ignored: at a gate, paused, held, complete") {
  const auto at = [](Status status) {
    Life life;
    if (status == Status::gate) {
      life.rules.plan->advance = config::Plan::Advance::manual;
      life.tick(10s);
    }
    if (status == Status::paused) life(Pause{alice});
    if (status == Status::held) life.tick(10s, starved());
    if (status == Status::complete)
      for (int i = 0; i < 3; ++i) life(Promote{alice, true});
    REQUIRE(life.state.status == status);
    return life;
  };
  for (const Status status :
       {Status::running, Status::gate, Status::paused, Status::held, Status::complete}) {
    CAPTURE(name(status));
    Life measured = at(status);
    CHECK(measured.tick(1s, failure()).trigger == "error_rate");
    CHECK(measured.effective() == 0);
    Life told = at(status);
    const Decision complaint = told(Complaint{alice, true});
    CHECK(complaint.trigger == "critical_bug");
    CHECK(complaint.entry->reason == "critical bug reported by alice: looks good");
    CHECK(told.state.latched);
  }
}

TEST_CASE("a complaint that is no trigger is recorded and changes nothing") {
  Life life;
  const State before = life.state;
  const Decision minor = life(Complaint{alice, false});
  CHECK(minor.entry->kind == config::EntryKind::complaint);
  CHECK(minor.trigger.empty());
  CHECK(life.effective() == 1000);
  life.rules.critical_bug = false;
  CHECK(life(Complaint{alice, true}).entry->kind == config::EntryKind::complaint);
  CHECK(life.state.phase == before.phase);
  CHECK_FALSE(life.state.latched);
}

TEST_CASE("however the weight got to 0, the return is at the first phase with its clock at 0") {
  const std::pair<const char*, std::function<void(Life&)>> ways[] = {
      {"flag",
       [](Life& life) {
         life(SetFlag{0, alice}), life(ClearFlag{alice});
       }},
      {"file", [](Life& life) { life.put_file(0), life.put_file(10000); }},
      {"rollback", [](Life& life) { life(Rollback{alice}), life(Resume{alice}); }},
      {"trigger", [](Life& life) { life.tick(1s, failure()), life(Resume{alice}); }},
      {"attempt", [](Life& life) { life.tick(1s, failure()), life.put_file(10000, 2); }},
      {"lost", [](Life& life) { life(StateLost{"x"}), life.put_file(10000, 2); }},
  };
  for (const auto& [name, go] : ways) {
    CAPTURE(name);
    Life life;
    life.tick(10s);
    life.tick(7s);
    REQUIRE(life.state.phase == 2);
    go(life);
    CHECK(life.effective() == 1000);
    CHECK(life.state.phase == 1);
    CHECK(life.state.judged == 0s);
    CHECK(life.state.spent == 0s);
    CHECK(life.state.status == Status::running);
  }
}

TEST_CASE("an edited plan keeps the phase that has the present percentage") {
  struct Edit {
    std::vector<config::Phase> phases;
    std::uint32_t phase;
    BasisPoints effective;
    bool clock_kept;
  };
  const Edit edits[] = {
      {{{1000, 10s}, {5000, 40s}, {10000, 30s}}, 2, 5000, true},              // a longer hold
      {{{500, 10s}, {1000, 10s}, {5000, 20s}, {10000, 30s}}, 3, 5000, true},  // one inserted before
      {{{5000, 20s}, {10000, 30s}}, 1, 5000, true},                // one taken out before
      {{{1000, 10s}, {2500, 20s}, {10000, 30s}}, 2, 2500, false},  // lowered
      {{{1000, 10s}, {7500, 20s}, {10000, 30s}}, 1, 1000, false},  // raised: to the one below it
      {{{7500, 20s}, {10000, 30s}}, 1, 7500, false},  // the first is the least there is
  };
  for (const auto& edit : edits) {
    Life life;
    life.tick(10s);
    life.tick(7s);
    life.rules.plan->phases = edit.phases;
    life.put_file(10000);
    CAPTURE(edit.phase, edit.effective);
    CHECK(life.state.phase == edit.phase);
    CHECK(life.effective() == edit.effective);
    CHECK(life.state.judged == (edit.clock_kept ? base::Duration(7s) : base::Duration{}));
  }
}

TEST_CASE(
    "a plan that appears begins at its first phase, one that goes leaves the file's percent") {
  Life life;
  const Rules plan = life.rules;
  life.rules.plan.reset();
  life.put_file(10000);
  CHECK(life.state.phase == 0);
  CHECK(life.effective() == 10000);
  life.rules = plan;
  const Decision back = life.put_file(10000);
  CHECK(back.entry->kind == config::EntryKind::plan);
  CHECK(life.effective() == 1000);
}

TEST_CASE("a plan that comes or goes together with another percentage is named in the history") {
  Life life;
  const Rules plan = life.rules;
  life.rules.plan.reset();
  CHECK(life.put_file(2000).entry->reason ==
        "rollout_percentage 100% -> 20% in the file; the plan is gone from the file");
  life.rules = plan;
  CHECK(life.put_file(10000).entry->reason ==
        "rollout_percentage 20% -> 100% in the file; plan added, phase 1 of 3 (10%)");
  CHECK(life.put_file(5000).entry->reason == "rollout_percentage 100% -> 50% in the file");
  life.rules.plan.reset();
  CHECK(life.put_file(5000, 2).entry->reason ==
        "attempt 2 in the file; the plan is gone from the file");
}

TEST_CASE("a completed canary that is named stable is promoted, an unfinished one is not") {
  Life life;
  CHECK_FALSE(life(NamedStable{}).entry);
  for (int i = 0; i < 3; ++i) life(Promote{alice, true});
  const Decision named = life(NamedStable{});
  REQUIRE(named.entry);
  CHECK(named.entry->kind == config::EntryKind::promoted);
  CHECK(life.state.status == Status::complete);
  CHECK_FALSE(life(NamedStable{}).entry);
}

TEST_CASE("of two memories the lower phase counts, and its clock begins anew") {
  Life life;
  life.tick(10s);
  life.tick(7s);
  State slot = life.state;
  slot.phase = 1;
  slot.phase_limit = 1000;
  Life after = life;
  after.state = lower_of(life.state, slot);
  CHECK(weigh(10000, after.state).effective == 1000);
  CHECK_FALSE(raises(after.state, 10000, after.put_file(10000).next, 10000));
  CHECK(after.state.phase == 1);
  CHECK(after.state.judged == 0s);
  CHECK(lower_of(life.state, life.state) == life.state);
}

TEST_CASE("a step of the plan is a raise, also where another term hides it") {
  Life life;
  life.put_file(500);
  const State before = life.state;
  const Decision step = life(Promote{alice, true});
  CHECK(life.effective() == 500);
  CHECK(raises(before, 500, step.next, 500));
}

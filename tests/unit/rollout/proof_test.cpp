// What follows a weight of 0, and what is left to do after a plan's end.
#include <catch2/catch.hpp>

#include "unit/rollout/plan_world.hpp"

using namespace canary;
using namespace canary::rollout;
using analysis::Verdict;

namespace {

const Actor alice{"alice", "odd answers"};

Decision proved(Life& life, ProofStep step, bool holds = true) {
  return life(Proved{step, "seen", holds});
}

Life rolled_back() {
  Life life;
  life.tick(1s, failure());
  REQUIRE(life.state.proof == ProofStep::publishing);
  return life;
}

}  // namespace

TEST_CASE("however the weight got to 0, it is counted once and its proof begins") {
  struct Case {
    const char* trigger;
    std::function<Decision(Life&)> act;
  };
  const Case cases[] = {
      {"error_rate", [](Life& l) { return l.tick(1s, failure()); }},
      {"operator", [](Life& l) { return l(Rollback{alice}); }},
      {"critical_bug",
       [](Life& l) {
         return l(Complaint{alice, true});
       }},
      {"flag",
       [](Life& l) {
         return l(SetFlag{0, alice});
       }},
      {"file", [](Life& l) { return l.put_file(0); }},
      {"state_lost", [](Life& l) { return l(StateLost{"gone"}); }},
  };
  for (const Case& c : cases) {
    CAPTURE(c.trigger);
    Life life;
    const Decision decision = c.act(life);
    CHECK(decision.trigger == c.trigger);
    CHECK(life.state.trigger == c.trigger);
    CHECK(life.state.rollbacks == 1);
    CHECK(life.state.proof == ProofStep::publishing);
    CHECK(life.effective() == 0);
  }
}

TEST_CASE("a proof goes step by step, each in the history, and ends with the watch") {
  Life life = rolled_back();
  CHECK_FALSE(proved(life, ProofStep::draining).entry);  // not its turn
  const struct {
    ProofStep step;
    EntryKind kind;
    ProofStep next;
  } steps[] = {{ProofStep::publishing, EntryKind::in_force, ProofStep::draining},
               {ProofStep::draining, EntryKind::drained, ProofStep::asking},
               {ProofStep::asking, EntryKind::verified, ProofStep::watching}};
  for (const auto& s : steps) {
    const Decision decision = proved(life, s.step);
    REQUIRE(decision.entry);
    CHECK(decision.entry->kind == s.kind);
    CHECK(decision.entry->reason == "seen");
    CHECK(life.state.proof == s.next);
    CHECK(life.state.status == Status::rolled_back);
    CHECK(life.state.reason.find("error rate") != std::string::npos);  // why it was rolled back
  }
  CHECK_FALSE(life(Watched{{success()}, 14min}).entry);
  const Decision over = life(Watched{{success()}, 1min});
  REQUIRE(over.entry);
  CHECK(over.entry->kind == config::EntryKind::watched);
  CHECK(over.entry->reason == "stable watched for 15m: error rate 1% (10 of 1000 requests in 1m)");
  CHECK(life.state.proof == ProofStep::none);
  CHECK_FALSE(life(Watched{{success()}, 1min}).entry);
}

TEST_CASE("a version that does not say so over the wire is unverified, and watched all the same") {
  Life life = rolled_back();
  proved(life, ProofStep::publishing);
  proved(life, ProofStep::draining);
  CHECK(proved(life, ProofStep::asking, false).entry->kind == config::EntryKind::unverified);
  CHECK(life.state.proof == ProofStep::watching);
}

TEST_CASE("the watch says when stable fails, when it is well again, and how it ended") {
  Life life = rolled_back();
  for (const auto step : {ProofStep::publishing, ProofStep::draining, ProofStep::asking})
    proved(life, step);
  CHECK(life(Watched{{failure()}, 1s}).entry->kind == config::EntryKind::watch);
  CHECK_FALSE(life(Watched{{failure()}, 1s}).entry);
  CHECK(life(Watched{{success()}, 1s}).entry->kind == config::EntryKind::watch);
  life(Watched{{failure()}, 1s});
  const Decision over = life(Watched{{failure()}, 15min});
  CHECK(over.entry->kind == config::EntryKind::watched);
  CHECK(over.entry->reason.find("FAILING") != std::string::npos);
}

TEST_CASE("a weight above 0 ends a proof") {
  Life life = rolled_back();
  life(Resume{alice});
  CHECK(life.state.proof == ProofStep::none);
  CHECK_FALSE(proved(life, ProofStep::publishing).entry);
}

TEST_CASE("after a plan's last percentage two reminders come, over completion and promotion") {
  Life life;
  life.rules.plan->phases = {{10000, 10s}};
  life.rules.plan->retire_after = 30s;
  life.rules.plan->remove_after = 60s;
  life(Resume{alice});
  life.put_file(0);
  life.put_file(10000);
  CHECK(life.tick(10s).entry->kind == config::EntryKind::complete);
  CHECK(life.state.stable_for == 10s);
  CHECK_FALSE(life.tick(19s).entry);
  const Decision retire = life.tick(1s);
  REQUIRE(retire.entry);
  CHECK(retire.entry->kind == config::EntryKind::reminder);
  CHECK(retire.entry->reason.find("may be retired") != std::string::npos);
  CHECK_FALSE(life.tick(1s).entry);
  life(NamedStable{});
  REQUIRE(life.state.promoted);
  CHECK_FALSE(life(Aged{28s}).entry);
  CHECK(life(Aged{1s}).entry->reason.find("archive") != std::string::npos);
  CHECK_FALSE(life(Aged{1000s}).entry);
}

#include "rollout/advance.hpp"

#include <catch2/catch.hpp>

using namespace canary;
using namespace canary::rollout;
using namespace std::chrono_literals;

namespace {

const base::WallTime now{std::chrono::seconds(1'800'000'000)};
const Actor alice{"alice", "trying v2"};

State fresh() {
  State state;
  state.model = "m";
  state.canary = "m_v2";
  return state;
}

State latched() {
  State state = fresh();
  state.cap = 0;
  state.latched = true;
  state.status = Status::rolled_back;
  state.reason = "error rate 4.2% > 0.5%";
  return state;
}

analysis::Reading failing(std::string criterion = "error_rate") {
  analysis::Reading reading;
  reading.criterion = std::move(criterion);
  reading.verdict = analysis::Verdict::failure;
  reading.value = 0.042;
  reading.limit = 0.005;
  reading.samples = 1000;
  reading.reason = "error rate 4.2% > 0.5% (42 of 1000 requests in 1m)";
  return reading;
}

analysis::Reading with(analysis::Verdict verdict) {
  analysis::Reading reading = failing();
  reading.verdict = verdict;
  return reading;
}

void check_refused(const Decision& decision, const State& state) {
  CHECK(decision.refused);
  CHECK(decision.next == state);
  REQUIRE(decision.entry);
  CHECK(decision.entry->kind == config::EntryKind::refused);
  CHECK(decision.entry->before == decision.entry->after);
}

}  // namespace

TEST_CASE("a failure reading takes the weight to 0, latches, and carries its numbers") {
  const State running = advance({}, fresh(), 0, FileChanged{1000, 1}, now).next;
  const Decision decision = advance(
      {}, running, 1000,
      Measured{{with(analysis::Verdict::success), failing(), failing("latency_p95")}}, now + 5s);
  CHECK(decision.next.cap == 0);
  CHECK(decision.next.latched);
  CHECK(decision.next.status == Status::rolled_back);
  CHECK(decision.next.reason == failing().reason);
  CHECK(decision.next.since == now + 5s);
  CHECK(decision.trigger == "error_rate");
  REQUIRE(decision.entry);
  CHECK(decision.entry->kind == config::EntryKind::rollback);
  CHECK(decision.entry->actor == "gateway");
  CHECK(decision.entry->before == 1000);
  CHECK(decision.entry->after == 0);
  REQUIRE(decision.entry->reading);
  CHECK(decision.entry->reading->samples == 1000);
}

TEST_CASE("readings that are not a failure change nothing") {
  const State running = advance({}, fresh(), 0, FileChanged{1000, 1}, now).next;
  for (const auto verdict :
       {analysis::Verdict::success, analysis::Verdict::inconclusive, analysis::Verdict::error}) {
    const Decision decision = advance({}, running, 1000, Measured{{with(verdict)}}, now);
    CHECK(decision.next == running);
    CHECK_FALSE(decision.entry);
  }
}

TEST_CASE("at weight 0 there is nothing to roll back") {
  CHECK(advance({}, fresh(), 0, Measured{{failing()}}, now).next == fresh());
  State off = fresh();
  off.flag = 0;
  CHECK(advance({}, off, 5000, Measured{{failing()}}, now).next == off);
}

TEST_CASE("a flag at 0 takes the weight away without a latch, and raising it gives it back") {
  const State running = advance({}, fresh(), 0, FileChanged{5000, 1}, now).next;
  const Decision down = advance({}, running, 5000, SetFlag{0, alice}, now);
  CHECK_FALSE(down.next.latched);
  CHECK(down.next.status == Status::idle);
  CHECK(down.entry->kind == config::EntryKind::flag);
  CHECK(down.entry->actor == "alice");
  CHECK(down.entry->reason == "flag set to 0% by alice: trying v2");
  CHECK(down.entry->before == 5000);
  CHECK(down.entry->after == 0);

  const Decision up = advance({}, down.next, 5000, SetFlag{2000, alice}, now);
  CHECK(up.next.status == Status::running);
  CHECK(up.entry->after == 2000);
  const Decision cleared = advance({}, up.next, 5000, ClearFlag{alice}, now);
  CHECK_FALSE(cleared.next.flag);
  CHECK(cleared.entry->after == 5000);
}

TEST_CASE("a flag that is set to what it is already changes nothing and is not refused") {
  State state = fresh();
  state.flag = 1000;
  const Decision same = advance({}, state, 0, SetFlag{1000, alice}, now);
  CHECK_FALSE(same.refused);
  CHECK_FALSE(same.entry);
  CHECK(same.next == state);
  CHECK_FALSE(advance({}, fresh(), 0, ClearFlag{alice}, now).entry);
}

TEST_CASE("a flag above 0 while latched is refused and says what to do") {
  const Decision decision = advance({}, latched(), 5000, SetFlag{1, alice}, now);
  check_refused(decision, latched());
  CHECK_THAT(decision.entry->reason,
             Catch::Contains("m_v2 is rolled back (error rate 4.2% > 0.5%)"));
  CHECK_THAT(decision.entry->reason, Catch::Contains("`canary-gateway resume m --reason ...`"));
  CHECK_THAT(decision.entry->reason, Catch::Contains("raise `attempt` above 1 in the file"));

  const Decision zero = advance({}, latched(), 5000, SetFlag{0, alice}, now);
  CHECK_FALSE(zero.refused);
  CHECK(zero.next.flag == BasisPoints{0});
  CHECK(zero.next.latched);
  CHECK(zero.next.reason == latched().reason);  // why it is latched stays readable
}

TEST_CASE("a flag beyond 100% is refused") {
  check_refused(advance({}, fresh(), 0, SetFlag{10001, alice}, now), fresh());
}

TEST_CASE("resume opens the latch, and is refused where there is none") {
  const Decision decision = advance({}, latched(), 1000, Resume{{"bob", "fixed in build 7"}}, now);
  CHECK_FALSE(decision.next.latched);
  CHECK(decision.next.cap == full_weight);
  CHECK(decision.next.status == Status::running);
  CHECK(decision.entry->kind == config::EntryKind::resume);
  CHECK(decision.entry->reason == "resumed by bob: fixed in build 7");
  CHECK(decision.entry->after == 1000);
  check_refused(advance({}, fresh(), 1000, Resume{alice}, now), fresh());
}

TEST_CASE("an operator's rollback latches, also at weight 0, and only once") {
  const Decision decision = advance({}, fresh(), 0, Rollback{alice}, now);
  CHECK(decision.next.latched);
  CHECK(decision.trigger == "operator");
  CHECK(decision.entry->kind == config::EntryKind::rollback);
  check_refused(advance({}, decision.next, 0, Rollback{alice}, now), decision.next);
}

TEST_CASE("a higher attempt in the file opens the latch, a lower or equal one does not") {
  const Decision higher = advance({}, latched(), 1000, FileChanged{1000, 2}, now);
  CHECK_FALSE(higher.next.latched);
  CHECK(higher.next.attempt == 2);
  CHECK(higher.entry->kind == config::EntryKind::attempt);
  CHECK(higher.entry->before == 0);
  CHECK(higher.entry->after == 1000);

  State third = latched();
  third.attempt = 3;
  for (const std::uint32_t attempt : {0u, 1u, 2u, 3u}) {
    const Decision decision = advance({}, third, 1000, FileChanged{1000, attempt}, now);
    CHECK(decision.next == third);
    CHECK_FALSE(decision.entry);
  }
}

TEST_CASE("raising the file while latched is recorded as refused, lowering it as a change") {
  const Decision raised = advance({}, latched(), 1000, FileChanged{5000, 1}, now);
  check_refused(raised, latched());
  CHECK_THAT(raised.entry->reason, Catch::StartsWith("rollout_percentage 10% -> 50% in the file"));
  const Decision lowered = advance({}, latched(), 1000, FileChanged{0, 1}, now);
  CHECK_FALSE(lowered.refused);
  CHECK(lowered.entry->kind == config::EntryKind::file);
  CHECK(lowered.next.latched);
}

TEST_CASE("the file at 0 is an operator's rollback without a latch") {
  const State running = advance({}, fresh(), 0, FileChanged{5000, 1}, now).next;
  const Decision decision = advance({}, running, 5000, FileChanged{0, 1}, now + 1s);
  CHECK_FALSE(decision.next.latched);
  CHECK(decision.next.status == Status::idle);
  CHECK(decision.entry->kind == config::EntryKind::file);
  CHECK(decision.entry->reason == "rollout_percentage 50% -> 0% in the file");
  CHECK(advance({}, decision.next, 0, FileChanged{100, 1}, now).next.status == Status::running);
}

TEST_CASE(
    "a canary that no file names keeps its state, and the history says where its weight went") {
  State running = fresh();
  running.status = Status::running;
  const Decision retired = advance({}, running, 1000, Retired{}, now);
  CHECK(retired.next == running);
  CHECK(retired.trigger.empty());
  REQUIRE(retired.entry);
  CHECK(retired.entry->kind == EntryKind::file);
  CHECK(retired.entry->before == 1000);
  CHECK(retired.entry->after == 0);
  CHECK(advance({}, running, 1000, Retired{true}, now).entry->reason ==
        "m_v2 is missing: the file seems to end early");
  CHECK_FALSE(advance({}, latched(), 1000, Retired{}, now).entry);
}

TEST_CASE("a version under another model, or a raise that does not happen, changes no state") {
  const Decision moved = advance({}, latched(), 0, Moved{"n and o"}, now);
  CHECK(moved.next == latched());
  CHECK(moved.entry->kind == EntryKind::moved);
  CHECK(moved.entry->reason ==
        "m_v2 is m's now and was n and o's: its latch, flag and attempt go along");
  const Decision withdrawn = advance({}, fresh(), 1000, Withdrawn{}, now);
  CHECK(withdrawn.next == fresh());
  CHECK_FALSE(withdrawn.entry);
}

TEST_CASE("lost state latches") {
  const Decision decision = advance({}, fresh(), 1000, StateLost{"state.db was corrupt"}, now);
  CHECK(decision.next.latched);
  CHECK(decision.entry->kind == config::EntryKind::state_lost);
  CHECK(decision.next.reason == "state_lost: state.db was corrupt");
}

TEST_CASE("a step raises when the weight rises, or a term does while the weight stays") {
  State with_flag = fresh();
  with_flag.flag = 500;
  struct Row {
    State before;
    BasisPoints file_before;
    State after;
    BasisPoints file_after;
    bool raises;
  };
  const Row rows[] = {
      {fresh(), 1000, fresh(), 2000, true},     {fresh(), 1000, fresh(), 1000, false},
      {fresh(), 1000, fresh(), 500, false},     {with_flag, 1000, fresh(), 1000, true},
      {fresh(), 1000, with_flag, 1000, false},  {fresh(), 100, with_flag, 200, true},
      {latched(), 1000, fresh(), 1000, true},   {fresh(), 1000, latched(), 5000, false},
      {latched(), 1000, latched(), 5000, true}, {latched(), 5000, latched(), 1000, false},
      {latched(), 0, fresh(), 0, true},         {with_flag, 9000, fresh(), 100, false},
  };
  int i = 0;
  for (const Row& row : rows) {
    CAPTURE(i++);
    CHECK(raises(row.before, row.file_before, row.after, row.file_after) == row.raises);
  }
}

TEST_CASE("of two memories the lower counts, term by term") {
  State one = fresh();
  one.flag = 500;
  one.attempt = 4;
  const State lower = lower_of(one, latched());
  CHECK(lower.latched);
  CHECK(lower.cap == 0);
  CHECK(lower.flag == BasisPoints{500});
  CHECK(lower.attempt == latched().attempt);  // attempt 4 never opened it, and may still
  CHECK(lower.status == Status::rolled_back);
  CHECK(lower.reason == latched().reason);
  CHECK(lower_of(latched(), one).reason == latched().reason);
  CHECK(lower.proof == ProofStep::publishing);
  State proved = lower_of(latched(), one);
  CHECK(proved.proof == ProofStep::none);  // what the first memory holds was proved before
  proved.proof = lower.proof;
  CHECK(proved == lower);
  CHECK(lower_of(fresh(), one).attempt == 4);
  CHECK(lower_of(fresh(), fresh()) == fresh());
  State running = fresh(), off = fresh();
  running.status = Status::running;
  off.flag = 0;
  off.reason = "lowered before the stop";
  CHECK(lower_of(running, off).status == Status::idle);
  CHECK(lower_of(running, off).reason == off.reason);
}

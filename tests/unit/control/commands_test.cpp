// Operator commands and rollbacks: in which order their effects happen.
#include "unit/control/control_fixture.hpp"

using namespace canary;
using namespace canary::control;
using support::TempDir;

TEST_CASE("a first start gives the canary the file's weight, committed before it is published") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  CHECK(house.effective() == 1000);
  CHECK(house.plane.weight() == 1000);
  CHECK(house.plane.published.size() == 1);
  CHECK(house.slot()->file == 1000);
  const auto rows = house.history();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].entry.kind == config::EntryKind::file);
  CHECK(rows[0].entry.after == 1000);
  CHECK(house.controller->status().ready);
  CHECK(house.controller->answers()->all ==
        R"({"model":"m_v1","canary":{"model":"m_v2","rollout_percentage":10}})");
}

TEST_CASE("a lowering is in the slot before it is published, and told when it is in force") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.plane.at_once = false;
  std::optional<base::BasisPoints> slot_at_publish;
  house.plane.on_publish = [&] { slot_at_publish = house.slot()->flag; };
  std::optional<Outcome> outcome;
  house.controller->set_flag("m_v2", 0, {"alice", ""}, [&](Outcome o) { outcome = o; });
  // Without a turn of the loop: nothing was waited for.
  CHECK(slot_at_publish == base::BasisPoints{0});
  CHECK(house.plane.weight() == 0);
  CHECK_FALSE(outcome);
  CHECK(house.controller->answers()->all != R"({"model":"m_v1"})");
  // Its commit comes back, and still nobody is told: one worker has the old table.
  house.run_until([&] { return house.model().durable; });
  CHECK_FALSE(outcome);
  house.plane.apply();
  REQUIRE(outcome);
  CHECK(outcome->status == 200);
  CHECK(outcome->durable);
  CHECK(outcome->weight.effective == 0);
  CHECK(outcome->weight.limited_by == rollout::Weight::Limit::flag);
  CHECK(house.controller->answers()->all == R"({"model":"m_v1"})");
  CHECK(house.plane.announced.back()->all == R"({"model":"m_v1"})");
}

TEST_CASE("a lowering that is in force before its commit says that it is not durable yet") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.plane.at_once = false;
  std::optional<Outcome> outcome;
  house.controller->set_flag("m_v2", 0, {"alice", ""}, [&](Outcome o) { outcome = o; });
  house.plane.apply();
  REQUIRE(outcome);
  CHECK_FALSE(outcome->durable);
  CHECK_FALSE(house.model().durable);
  house.run_until([&] { return house.model().durable; });
}

TEST_CASE("a raise is committed, then published, then lifts the slot") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  REQUIRE(house.set_flag(0).status == 200);
  house.plane.at_once = false;
  const auto tables = house.plane.published.size();
  std::optional<Outcome> outcome;
  house.controller->set_flag("m_v2", 500, {"alice", ""}, [&](Outcome o) { outcome = o; });
  CHECK(house.plane.published.size() == tables);
  CHECK(house.effective() == 0);
  house.run_until([&] { return house.plane.published.size() > tables; });
  CHECK(house.plane.weight() == 500);
  CHECK(house.slot()->flag == base::BasisPoints{0});
  CHECK_FALSE(outcome);
  house.plane.apply();
  REQUIRE(outcome);
  CHECK(outcome->status == 200);
  CHECK(house.slot()->flag == base::BasisPoints{500});
}

TEST_CASE("what cannot be done is said with its status") {
  const TempDir dir;
  House house(dir);
  Yaml yaml;
  yaml.more_models =
      "  alone:\n    match: [{ path_prefix: /alone }]\n    stable: { version: a_v1, endpoints: "
      "[\"http://127.0.0.1:9003\"] }\n";
  house.write(yaml);
  house.start();
  CHECK(house.set_flag(0, "nobody").status == 404);
  CHECK(house.await([&](Done d) { house.controller->resume("nobody", {}, d); }).status == 404);
  CHECK(house
            .await([&](Done d) {
              house.controller->rollback("alone", rollout::Mode::immediate, {}, d);
            })
            .status == 409);
  const Outcome idle = house.resume();
  CHECK(idle.status == 409);
  CHECK_THAT(idle.message, Catch::Contains("nothing to resume"));
}

TEST_CASE("a failing canary is taken out by the tick, with its numbers everywhere") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.fail_canary();
  CHECK(house.plane.weight() == 0);
  CHECK(house.slot()->latched);
  const ModelView view = house.model();
  CHECK(view.rollout.status == rollout::Status::rolled_back);
  CHECK_THAT(view.rollout.reason, Catch::Contains("error rate 100% > 0.5% (50 of 50 requests"));
  CHECK(view.weight.limited_by == rollout::Weight::Limit::cap);
  REQUIRE(view.criteria.size() == 1);
  CHECK(view.criteria[0].verdict == analysis::Verdict::failure);
  const auto rollback = house.row(config::EntryKind::rollback);
  REQUIRE(rollback);
  CHECK(rollback->entry.reading->samples == 50);
  const auto counts = house.controller->rollbacks();
  REQUIRE(counts.size() == 1);
  CHECK(counts[0].trigger == "error_rate");
  CHECK(counts[0].count == 1);
}

TEST_CASE("latched: a flag above 0 is refused, counted and visible; resume opens it") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.fail_canary();
  const Outcome refused = house.set_flag(5000);
  CHECK(refused.status == 409);
  CHECK_THAT(refused.message, Catch::Contains("canary-gateway resume m --reason"));
  CHECK(house.model().last_refusal == refused.message);
  REQUIRE(house.controller->refusals().size() == 1);
  CHECK(house.controller->refusals()[0].count == 1);
  CHECK(house.history()[0].entry.kind == config::EntryKind::refused);
  CHECK(house.rollback().status == 409);
  CHECK(house.controller->refusals()[0].count == 1);  // a second rollback is no raise

  CHECK(house.resume().status == 200);
  CHECK(house.effective() == 1000);
  CHECK_FALSE(house.slot()->latched);
  CHECK(house.model().last_refusal.empty());
}

TEST_CASE("a refused command that would raise nothing is recorded, and is no refused raise") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  const Outcome refused = house.resume();
  CHECK(refused.status == 409);
  CHECK_THAT(refused.message, Catch::Contains("nothing to resume"));
  CHECK(house.history()[0].entry.kind == config::EntryKind::refused);
  CHECK(house.controller->refusals().empty());
  CHECK(house.model().last_refusal.empty());
}

TEST_CASE("after a resume the old failures are no evidence any more") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.fail_canary();
  REQUIRE(house.resume().status == 200);
  // A tick has judged the new evidence: nothing yet.
  house.run_until([&] { return house.model().criteria[0].samples == 0; });
  house.observe("m_v2", 30, false);
  house.run_until([&] { return house.model().criteria[0].samples == 30; });
  CHECK(house.model().criteria[0].verdict == analysis::Verdict::success);
  CHECK(house.effective() == 1000);
}

TEST_CASE("a failure that stable shares is not the canary's") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.observe("m_v1", 50, true);
  house.observe("m_v2", 50, true);
  house.run_until([&] { return house.model().criteria[0].samples == 50; });
  CHECK(house.model().criteria[0].verdict == analysis::Verdict::inconclusive);
  CHECK_THAT(house.model().criteria[0].reason, Catch::Contains("both versions fail"));
  CHECK(house.effective() == 1000);
}

TEST_CASE("stable's failure counts however few samples it has") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.observe("m_v1", 5, true);
  house.observe("m_v2", 50, true);
  house.run_until([&] { return house.model().criteria[0].samples == 50; });
  CHECK(house.model().criteria[0].verdict == analysis::Verdict::inconclusive);
  CHECK_THAT(house.model().criteria[0].reason, Catch::Contains("stable: 5 of 5, "));
  CHECK(house.effective() == 1000);
}

TEST_CASE("while stable gets worse as well, half a window shows whether the failure is shared") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.observe("m_v1", 995, false);
  house.observe("m_v1", 4, true);  // 0.4%, of 0.5% that are allowed
  house.observe("m_v2", 99, false);
  house.observe("m_v2", 1, true);
  house.run_until([&] { return house.model().criteria[0].samples == 100; });
  CHECK(house.model().criteria[0].verdict == analysis::Verdict::inconclusive);
  CHECK_THAT(house.model().criteria[0].reason, Catch::Contains("both versions get worse"));
  const auto pass = [&](int seconds) { house.clock.advance(std::chrono::seconds(seconds)); };
  std::uint64_t samples = 100;
  // One more good answer of the canary's shows that a tick has judged.
  const auto judged = [&] {
    house.observe("m_v2", 1, false);
    ++samples;
    house.run_until([&] { return house.model().criteria[0].samples == samples; });
    return house.model().criteria[0];
  };
  pass(10);
  CHECK(judged().verdict == analysis::Verdict::inconclusive);
  SECTION("it is not: the canary is taken out") {
    pass(21);
    house.run_until([&] { return house.model().rollout.latched; });
    CHECK(house.controller->rollbacks()[0].trigger == "error_rate");
  }
  SECTION("it is: as long as it is shared, and for half a window after") {
    house.observe("m_v1", 5, true);
    CHECK_THAT(judged().reason, Catch::Contains("both versions fail"));
    house.observe("m_v1", 3000, false);
    pass(20);
    CHECK_THAT(judged().reason, Catch::Contains("both versions get worse"));
    CHECK(house.effective() == 1000);
    pass(11);
    house.run_until([&] { return house.model().rollout.latched; });
  }
}

TEST_CASE("each time that a canary comes to have weight begins its evidence anew") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  const auto episode = [&] { return house.registry.all().back()->requests->episode(); };
  REQUIRE(house.registry.all().back()->version == "m_v2");
  const auto first = episode();
  CHECK(first > 0);
  house.fail_canary();
  CHECK(episode() == first);
  REQUIRE(house.resume().status == 200);
  CHECK(episode() == first + 1);
}

TEST_CASE("what stable fails a little does not excuse a canary that fails always") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.observe("m_v1", 10, true);
  house.observe("m_v1", 190, false);
  house.observe("m_v2", 50, true);
  house.run_until([&] { return house.model().rollout.latched; });
  CHECK_THAT(house.model().rollout.reason, Catch::Contains("far more than stable: error rate 5%"));
  CHECK(house.controller->rollbacks()[0].trigger == "error_rate");
}

TEST_CASE("a new canary is compared with stable over its own time") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  house.observe("m_v1", 1000, false);
  Yaml yaml;
  yaml.canary = "m_v3";
  house.write(yaml);
  house.reload();
  house.observe("m_v1", 50, true);
  house.observe("m_v3", 50, true);
  house.run_until([&] { return house.model().criteria[0].samples == 50; });
  CHECK(house.model().criteria[0].verdict == analysis::Verdict::inconclusive);
}

TEST_CASE("a slow canary is taken out by its p95") {
  const TempDir dir;
  House house(dir);
  Yaml yaml;
  yaml.extra = "    slo: { latency_p95: 200ms }\n";
  house.write(yaml);
  house.start();
  house.observe("m_v2", 50, false, std::chrono::milliseconds(400));
  house.run_until([&] { return house.model().rollout.latched; });
  CHECK_THAT(house.model().rollout.reason, Catch::Contains("> 300 ms (100% of 50 responses"));
  CHECK(house.controller->rollbacks()[0].trigger == "latency_p95");
}

TEST_CASE("before any traffic the criteria are inconclusive, not a success") {
  const TempDir dir;
  House house(dir);
  Yaml yaml;
  yaml.percentage = "0";
  yaml.extra = "    slo: { latency_p95: 200ms }\n";
  house.write(yaml);
  house.start();
  const auto criteria = house.model().criteria;
  REQUIRE(criteria.size() == 2);
  for (const auto& reading : criteria) {
    CHECK(reading.verdict == analysis::Verdict::inconclusive);
    CHECK(reading.reason == "no traffic");
  }
}

TEST_CASE("a raise that is overtaken by a lowering before its commit never takes effect") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  REQUIRE(house.set_flag(0).status == 200);
  std::vector<int> order;
  std::optional<Outcome> raised, waiting, lowered;
  house.controller->set_flag("m_v2", 500, {"alice", ""}, [&](Outcome o) { raised = o; });
  house.controller->set_flag("m_v2", 700, {"bob", ""}, [&](Outcome o) { waiting = o; });
  house.controller->set_flag("m_v2", 0, {"carol", ""}, [&](Outcome o) { lowered = o; });
  REQUIRE(waiting);
  CHECK(waiting->status == 409);
  house.run_until([&] { return raised && lowered; });
  CHECK(raised->status == 409);
  CHECK(lowered->status == 200);
  CHECK(house.effective() == 0);
  for (const auto& published : house.plane.published)
    if (published.table->generation > 2) CHECK(published.table->models[0].canary_weight == 0);
  house.run_until([&] { return house.model().durable; });
  house.crash();
  House again(dir);
  again.start();
  CHECK(again.effective() == 0);
}

TEST_CASE("raises that follow each other are performed in order") {
  const TempDir dir;
  House house(dir);
  house.write({});
  house.start();
  REQUIRE(house.set_flag(0).status == 200);
  std::optional<Outcome> first, second;
  house.controller->set_flag("m_v2", 700, {"alice", ""}, [&](Outcome o) { first = o; });
  house.controller->set_flag("m_v2", 500, {"bob", ""}, [&](Outcome o) { second = o; });
  house.run_until([&] { return first && second; });
  CHECK(first->status == 200);
  CHECK(second->status == 200);
  CHECK(house.effective() == 500);
}

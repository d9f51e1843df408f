// Random streams of events over a plan, by seed; and docs/rollout.md's diagram against what they
// do.
#include <catch2/catch.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "support/source_dir.hpp"
#include "unit/rollout/plan_world.hpp"

using namespace canary;
using namespace canary::rollout;

namespace {

using Transition = std::tuple<std::string, std::string, std::string>;  // from, to, event

bool opens(const Event& event, const State& state) {
  if (std::holds_alternative<Resume>(event)) return true;
  const auto* file = std::get_if<FileChanged>(&event);
  return file != nullptr && file->attempt > state.attempt;
}

Rules any_rules(base::Random& random) {
  using Plan = config::Plan;
  Rules rules = three_phases();
  if (random.below(2) == 0) rules.plan->advance = Plan::Advance::manual;
  constexpr Plan::OnInsufficientData policies[] = {Plan::OnInsufficientData::hold,
                                                   Plan::OnInsufficientData::advance,
                                                   Plan::OnInsufficientData::rollback};
  rules.plan->on_insufficient_data = policies[random.below(3)];
  if (random.below(2) == 0) rules.rollback.mode = Mode::gradual;
  rules.rollback.rung_hold = 10s;
  return rules;
}

void check_clock(const Life& before, const Event& event, const State& after) {
  const auto* measured = std::get_if<Measured>(&event);
  if (after.spent <= before.state.spent) return;
  REQUIRE(measured != nullptr);
  REQUIRE(before.effective() == before.state.phase_limit);
  REQUIRE_FALSE(before.state.paused);
  REQUIRE(after.spent - before.state.spent <= measured->elapsed);
  if (after.judged > before.state.judged) REQUIRE(measured->readings.at(0).enough);
}

/// A rollback is counted when it begins and not again, and whatever takes the weight to 0 begins
/// its proof.
void check_rollback(const Life& before, const Decision& decision, const Life& after) {
  const State& was = before.state;
  const State& is = after.state;
  REQUIRE(is.rollbacks == was.rollbacks + (decision.trigger.empty() ? 0 : 1));
  if (!decision.trigger.empty()) REQUIRE_FALSE((on_ladder(was) || was.latched));
  if (before.effective() > 0 && after.effective() == 0) {
    REQUIRE(is.proof == ProofStep::publishing);
    REQUIRE((on_ladder(was) || !decision.trigger.empty()));
  }
  if (after.effective() > 0) REQUIRE(is.proof == ProofStep::none);
  REQUIRE((is.status == Status::rolling_back) == (on_ladder(is) && after.effective() > 0));
}

void check_step(const Life& before, const Event& event, const Decision& decision,
                const Life& after) {
  const State& was = before.state;
  const State& is = decision.next;
  REQUIRE(after.effective() <= full_weight);
  REQUIRE(is.phase >= 1);
  REQUIRE(is.phase <= before.rules.plan->phases.size());
  REQUIRE(is.phase_limit == before.rules.plan->phases[is.phase - 1].percentage);
  REQUIRE(is.judged <= is.spent);
  if (was.latched && !opens(event, was)) {
    REQUIRE(is.latched);
    REQUIRE(after.effective() == 0);
  }
  if (is.latched) REQUIRE(after.effective() == 0);
  if (is.phase > was.phase) REQUIRE(is.phase == was.phase + 1);
  if (is.phase < was.phase) {
    REQUIRE(is.phase == 1);
    REQUIRE((before.effective() == 0 || after.effective() == 0 || opens(event, was)));
  }
  if (before.effective() == 0 && after.effective() > 0) {
    REQUIRE(is.phase == 1);
    REQUIRE(is.judged == 0s);
  }
  const auto* measured = std::get_if<Measured>(&event);
  if (measured && after.effective() > before.effective()) {
    REQUIRE(decision.entry->kind == config::EntryKind::phase);
    REQUIRE_FALSE(was.paused);
    REQUIRE(was.spent + measured->elapsed >= before.rules.plan->phases[was.phase - 1].hold);
  }
  if (measured && measured->readings.at(0).verdict == analysis::Verdict::failure &&
      before.effective() > 0)
    REQUIRE((is.latched || on_ladder(is)));
  if (on_ladder(was) && !opens(event, was)) {
    REQUIRE((is.latched || on_ladder(is)));
    REQUIRE(after.effective() <= before.effective());
  }
  check_rollback(before, decision, after);
  if (before.effective() != after.effective() || was.status != is.status) {
    REQUIRE(decision.entry);
    REQUIRE_FALSE(decision.entry->reason.empty());
    REQUIRE(decision.entry->before == before.effective());
    REQUIRE(decision.entry->after == after.effective());
  }
  check_clock(before, event, is);
}

std::set<Transition> walk(std::uint64_t seeds) {
  std::set<Transition> seen;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    base::Random random(seed);
    Life life;
    life.rules = any_rules(random);
    std::uint32_t attempt_in_file = 1;
    for (int i = 0; i < 200; ++i) {
      const Life before = life;
      const Event event = any_event(random, attempt_in_file);
      const Decision decision = life(event);
      CAPTURE(seed, i, event_name(event), name(before.state.status), name(life.state.status));
      check_step(before, event, decision, life);
      if (before.state.status != life.state.status)
        seen.emplace(name(before.state.status), name(life.state.status), event_name(event));
    }
  }
  return seen;
}

/// "  running --> gate: tick" and "  running --> rolled_back: tick, rollback", of the page's
/// diagram.
std::set<Transition> drawn() {
  std::ifstream page(support::source_dir() / "docs/rollout.md");
  REQUIRE(page);
  std::set<Transition> transitions;
  for (std::string line; std::getline(page, line);) {
    std::istringstream words(line);
    std::string from, arrow, to, event;
    words >> from >> arrow >> to;
    if (arrow != "-->" || from == "[*]") continue;
    REQUIRE(to.ends_with(':'));
    to.pop_back();
    while (words >> event) {
      if (event.ends_with(',')) event.pop_back();
      transitions.emplace(from, to, event);
    }
  }
  return transitions;
}

std::string text(const std::set<Transition>& transitions) {
  std::string out;
  for (const auto& [from, to, event] : transitions)
    out += from + " --> " + to + ": " + event + "\n";
  return out;
}

}  // namespace

TEST_CASE("over random streams the plan only goes forward, and the diagram shows what happens") {
  CHECK(text(walk(1500)) == text(drawn()));
}

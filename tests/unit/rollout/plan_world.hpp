// Rollouts with a plan, for tests: readings, a plan of seconds, and random streams of events.
#pragma once

#include "base/random.hpp"
#include "rollout/advance.hpp"

namespace canary::rollout {

using namespace std::chrono_literals;

inline analysis::Reading reading(analysis::Verdict verdict, bool enough = true) {
  analysis::Reading out;
  out.criterion = "error_rate";
  out.verdict = verdict;
  out.value = 0.01;
  out.limit = 0.005;
  out.samples = enough ? 1000 : 3;
  out.enough = enough;
  out.reason = enough ? "error rate 1% (10 of 1000 requests in 1m)" : "3 of 200 samples in 1m";
  return out;
}
inline analysis::Reading success() { return reading(analysis::Verdict::success); }
inline analysis::Reading starved() { return reading(analysis::Verdict::inconclusive, false); }
inline analysis::Reading unclear() { return reading(analysis::Verdict::inconclusive); }
inline analysis::Reading failure() { return reading(analysis::Verdict::failure); }

inline Rules three_phases() {
  config::Plan plan;
  plan.phases = {{1000, 10s}, {5000, 20s}, {10000, 30s}};
  return {plan, true, {}};
}

/// One rollout, with what the configuration says about it.
struct Life {
  Rules rules = three_phases();
  State state;
  BasisPoints file = 0;
  base::WallTime now{std::chrono::seconds(1'800'000'000)};

  Life() {
    state.model = "m";
    state.canary = "m_v2";
    put_file(10000);
  }
  Decision operator()(const Event& event) {
    const Decision decision = advance(rules, state, file, event, now += 1s);
    state = decision.next;
    if (const auto* changed = std::get_if<FileChanged>(&event))
      file = std::min(changed->file, full_weight);
    return decision;
  }
  Decision put_file(BasisPoints percentage, std::uint32_t attempt = 1) {
    return (*this)(FileChanged{percentage, attempt});
  }
  Decision tick(base::Duration elapsed, analysis::Reading reading = success()) {
    return (*this)(Measured{{std::move(reading)}, elapsed});
  }
  BasisPoints effective() const { return weigh(file, state).effective; }
};

/// Anything that can happen to a rollout, so drawn that every status is often reached.
inline Event any_event(base::Random& random, std::uint32_t& attempt_in_file) {
  const Actor actor{"op", "because"};
  const auto percentage = [&random] {
    constexpr BasisPoints choices[] = {0, 500, 1000, 5000, 10000, 10000, 10000, 20000};
    return choices[random.below(8)];
  };
  switch (random.below(40)) {
    case 0:
      if (random.below(4) == 0) ++attempt_in_file;
      return FileChanged{percentage(), attempt_in_file};
    case 1:
      return SetFlag{percentage(), actor};
    case 2:
    case 3:
      return ClearFlag{actor};
    case 4:
      return Rollback{actor, random.below(2) == 0 ? Mode::gradual : Mode::immediate};
    case 5:
    case 6:
    case 7:
      return Resume{actor, random.below(2) == 0};
    case 8:
      return Pause{actor};
    case 9:
      return Promote{actor, random.below(2) == 0};
    case 10:
      return Complaint{actor, random.below(2) == 0};
    case 11:
      if (random.below(2) == 0) return random.below(2) == 0 ? Event(Moved{"n"}) : Withdrawn{};
      return random.below(4) == 0 ? Event(NamedStable{}) : Event(StateLost{});
    case 12:
      return Measured{{failure()}, 1s};
    case 16: {
      constexpr ProofStep steps[] = {ProofStep::publishing, ProofStep::draining, ProofStep::asking};
      return Proved{steps[random.below(3)], "seen", random.below(2) == 0};
    }
    case 17:
      return random.below(2) == 0 ? Event(Watched{{failure()}, 500s}) : Event(Aged{1000s});
    case 13:
    case 14:
    case 15:
      return Measured{{random.below(2) == 0 ? unclear() : starved()}, 8s};
    default:
      return Measured{{success()}, std::chrono::seconds(random.below(15))};
  }
}

inline std::string event_name(const Event& event) {
  constexpr const char* names[] = {"file",    "tick",    "flag",      "flag",      "rollback",
                                   "resume",  "promote", "pause",     "complaint", "forget",
                                   "retired", "moved",   "withdrawn", "promoted",  "state_lost",
                                   "proof",   "watch",   "age"};
  static_assert(std::size(names) == std::variant_size_v<Event>);
  return names[event.index()];
}

}  // namespace canary::rollout

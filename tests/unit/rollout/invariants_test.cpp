// Random streams of events, by seed: what must hold whatever people, files and judges do.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "rollout/advance.hpp"

using namespace canary;
using namespace canary::rollout;

namespace {

struct World {
  base::Random random;
  BasisPoints file = 0;
  std::uint32_t attempt_in_file = 1;

  BasisPoints percentage() {
    constexpr std::uint32_t choices[] = {0, 0, 1, 500, 1000, 5000, 9999, 10000, 10000, 20000};
    return static_cast<BasisPoints>(choices[random.below(10)]);
  }

  Event next() {
    const Actor actor{random.below(4) == 0 ? "" : "op", random.below(2) == 0 ? "" : "because"};
    switch (random.below(8)) {
      case 0: {
        if (random.below(6) == 0) ++attempt_in_file;
        if (random.below(6) == 0 && attempt_in_file > 0) --attempt_in_file;
        return FileChanged{percentage(), attempt_in_file};
      }
      case 1:
        return SetFlag{percentage(), actor};
      case 2:
        return ClearFlag{actor};
      case 3:
        return random.below(3) == 0 ? Event(Rollback{actor}) : Event(ClearFlag{actor});
      case 4:
        return random.below(3) == 0 ? Event(Resume{actor}) : Event(SetFlag{percentage(), actor});
      case 5:
        return random.below(20) == 0 ? Event(StateLost{}) : Event(Measured{});
      default: {
        Measured measured;
        for (std::uint32_t n = random.below(3); n > 0; --n) {
          analysis::Reading reading;
          reading.verdict = static_cast<analysis::Verdict>(random.below(4));
          if (random.below(5) != 0) reading.reason = "because of numbers";
          if (random.below(5) != 0) reading.criterion = "error_rate";
          measured.readings.push_back(reading);
        }
        return measured;
      }
    }
  }
};

/// /metrics has a series for it before it happens.
bool is_known(const Decision& decision) {
  const auto among = [&](const auto& triggers) {
    return std::find(triggers.begin(), triggers.end(), decision.trigger) != triggers.end();
  };
  if (decision.mode == Mode::immediate && among(immediate_triggers)) return true;
  return among(triggers_of_either_mode) || decision.trigger == "error_rate" ||
         decision.trigger == "unnamed";
}

bool opens(const Event& event, const State& state) {
  if (std::holds_alternative<Resume>(event)) return true;
  const auto* file = std::get_if<FileChanged>(&event);
  return file != nullptr && file->attempt > state.attempt;
}

}  // namespace

TEST_CASE("over random streams of events the latch holds and every change is recorded") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    World world{base::Random(seed)};
    State state;
    state.model = "m";
    state.canary = "m_v2";
    base::WallTime now{};
    for (int i = 0; i < 300; ++i) {
      now += std::chrono::seconds(1);
      const Event event = world.next();
      CAPTURE(seed, i, event.index());
      const Decision decision = advance({}, state, world.file, event, now);
      const auto* file = std::get_if<FileChanged>(&event);
      const BasisPoints file_after = file ? std::min(file->file, full_weight) : world.file;
      const Weight before = weigh(world.file, state), after = weigh(file_after, decision.next);

      REQUIRE(after.effective <= full_weight);
      if (state.latched && !opens(event, state)) {
        REQUIRE(decision.next.latched);
        REQUIRE(after.effective == 0);
      }
      if (decision.refused) {
        REQUIRE(decision.next == state);
        REQUIRE(decision.entry.has_value());
        REQUIRE(before.effective == after.effective);
      }
      if (!(decision.next == state) || before.effective != after.effective) {
        REQUIRE(decision.entry.has_value());
        REQUIRE_FALSE(decision.entry->reason.empty());
        REQUIRE(decision.entry->kind != EntryKind::unknown);
        REQUIRE(decision.entry->before == before.effective);
        REQUIRE(decision.entry->after == after.effective);
      }
      if (std::holds_alternative<Measured>(event)) REQUIRE(after.effective <= before.effective);
      if (!decision.trigger.empty()) {
        REQUIRE(after.effective == 0);
        REQUIRE(decision.next.rollbacks == state.rollbacks + 1);
        CAPTURE(decision.trigger);
        REQUIRE(is_known(decision));
      }
      // The status says what the weight is.
      REQUIRE((decision.next.status == Status::rolled_back) == decision.next.latched);
      REQUIRE((decision.next.status == Status::running) == (after.effective > 0));
      REQUIRE(decision.next.attempt >= state.attempt);
      state = decision.next;
      world.file = file_after;
    }
  }
}

TEST_CASE("advance is a function: the same state and event give the same decision") {
  World world{base::Random(7)};
  State state;
  for (int i = 0; i < 500; ++i) {
    const Event event = world.next();
    const Decision once = advance({}, state, 1000, event, base::WallTime{});
    const Decision twice = advance({}, state, 1000, event, base::WallTime{});
    REQUIRE(once.next == twice.next);
    REQUIRE(once.refused == twice.refused);
    REQUIRE(once.entry.has_value() == twice.entry.has_value());
    state = once.next;
  }
}

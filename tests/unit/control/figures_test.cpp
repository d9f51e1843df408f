#include "control/figures.hpp"

#include <catch2/catch.hpp>

#include "store/journal.hpp"
#include "support/temp_dir.hpp"

using namespace canary;
using namespace std::chrono_literals;

namespace {

// A model, its rollout and the workers' counters; no controller around them.
struct World {
  World() {
    config::Model& model = config.models.emplace_back();
    model.name = "m";
    model.stable.name = "m_v1";
    model.canary.emplace().name = "m_v2";
    rollout::State state;
    state.model = "m";
    state.canary = "m_v2";
    state.phase = 1;
    rollouts.emplace(latch, std::vector{state});
    rollouts->ensure(config.models.front()).value();
    rollouts->at({"m", "m_v2"}).state.phase = 1;
    begin({});
  }
  void begin(const std::vector<store::FigureRow>& remembered) {
    registry.emplace(2);  // the counters of a process end with it
    figures.emplace(clock, *registry, remembered);
    serve("m_v1", 0);
    serve("m_v2", 0);
    look();
  }
  void serve(const std::string& version, int count, int failed = 0, base::Duration took = 20ms) {
    const auto cells = registry->version("m", version, bounds);
    for (int i = 0; i < count; ++i) {
      stats::Observation seen;
      seen.outcome = i < failed ? stats::Outcome::server_error : stats::Outcome::ok;
      seen.error = i < failed;
      seen.total = seen.first_byte = took;
      stats::record(cells->requests->at(i % 2), cells->latency->at(i % 2), *cells->latency, seen);
    }
  }
  void look() { figures->look(config, *rollouts); }
  void enter_phase(std::uint32_t phase) {
    rollouts->at({"m", "m_v2"}).state.phase = phase;
    look();
  }
  control::Figure of(std::uint32_t phase, const std::string& version) {
    for (const auto& figure : figures->of("m", "m_v2"))
      if (figure.phase == phase && figure.version == version) return figure;
    return {};
  }

  support::TempDir dir;
  store::LatchFile latch = store::LatchFile::open(dir.path()).value();
  base::ManualClock clock;
  stats::LatencyBounds bounds{};
  std::optional<stats::Registry> registry;
  config::Config config;
  std::optional<control::Rollouts> rollouts;
  std::optional<control::Figures> figures;
};

}  // namespace

TEST_CASE_METHOD(World, "what is counted belongs to the phase in which it was counted") {
  serve("m_v1", 90);
  serve("m_v2", 10, 1);
  clock.advance(1h);
  enter_phase(2);
  serve("m_v2", 50, 0, 40ms);
  clock.advance(2h);
  look();
  CHECK(of(1, "m_v1").seen.requests == 90);
  CHECK(of(1, "m_v2").seen.requests == 10);
  CHECK(of(1, "m_v2").seen.errors == 1);
  CHECK(of(1, "m_v2").served == 1h);
  CHECK(of(2, "m_v1").seen.requests == 0);
  CHECK(of(2, "m_v2").seen.requests == 50);
  CHECK(of(2, "m_v2").served == 2h);
  CHECK(of(2, "m_v2").seen.latency.quantile(0.5).count() == Approx(40e6).epsilon(0.01));
  CHECK(of(2, "m_v2").first - of(1, "m_v2").first == 1h);
}

TEST_CASE_METHOD(World,
                 "a restart and a kill keep what was written, and nothing is counted twice") {
  serve("m_v2", 10, 2);
  look();
  auto kept = figures->take_unsaved(false);
  REQUIRE(kept.size() == 1);  // stable has nothing new
  serve("m_v2", 5);           // and this is lost
  begin(kept);
  serve("m_v2", 7, 1, 80ms);
  look();
  CHECK(of(1, "m_v2").seen.requests == 17);
  CHECK(of(1, "m_v2").seen.errors == 3);
  CHECK(of(1, "m_v2").seen.by_outcome[static_cast<int>(stats::Outcome::ok)] == 14);
  CHECK(of(1, "m_v2").seen.latency.count() == 14);
  CHECK(of(1, "m_v2").seen.latency.quantile(1).count() == Approx(80e6).epsilon(0.01));
}

TEST_CASE_METHOD(World, "other latency bounds begin other cells, and both are counted") {
  serve("m_v2", 10);
  look();
  serve("m_v2", 3);
  bounds.slo = 1s;
  bounds.trigger = 2s;
  serve("m_v2", 4, 1);
  look();
  CHECK(of(1, "m_v2").seen.requests == 17);
  CHECK(of(1, "m_v2").seen.errors == 1);
  CHECK(of(1, "m_v2").seen.latency.count() == 16);
}

TEST_CASE_METHOD(World, "what cannot be written is written later, and idle time now and then") {
  serve("m_v2", 1);
  look();
  const auto rows = figures->take_unsaved(false);
  REQUIRE(rows.size() == 1);
  CHECK(figures->take_unsaved(false).empty());
  figures->put_back(rows);
  CHECK(figures->take_unsaved(false).size() == 1);
  clock.advance(1min);
  look();
  CHECK(figures->take_unsaved(false).empty());
  CHECK(figures->take_unsaved(true).size() == 2);
  clock.advance(11min);
  look();
  CHECK(figures->take_unsaved(false).size() == 2);
}

TEST_CASE_METHOD(World, "the sums are bounded: the oldest give way") {
  for (std::uint32_t phase = 2; phase < 2 * store::figure_capacity; ++phase) {
    clock.advance(1s);
    enter_phase(phase);
  }
  CHECK(figures->of("m", "m_v2").size() <= store::figure_capacity + 2);
  CHECK(of(1, "m_v2").version.empty());
}

TEST_CASE("the journal keeps figures, replaces them, and keeps the latest when there are many") {
  const support::TempDir dir(support::TempDir::fast_place());
  const auto row = [](std::uint32_t phase, std::uint64_t requests) {
    store::FigureRow row{"m", "m_v2", 1,           phase, "m_v2", requests,
                         1,   "ok=4", "100 1 2 3", 5s,    {},     {}};
    row.last = base::WallTime(std::chrono::seconds(phase));
    return row;
  };
  {
    auto opened = store::Journal::open(dir.path());
    REQUIRE(opened.has_value());
    opened->journal->save_figures({row(1, 5), row(2, 6)},
                                  [](const auto& saved) { CHECK(saved.has_value()); });
    opened->journal->save_figures({row(2, 7)}, [](const auto& saved) { CHECK(saved.has_value()); });
  }
  {
    auto opened = store::Journal::open(dir.path());
    REQUIRE(opened.has_value());
    REQUIRE(opened->figures.size() == 2);
    CHECK(opened->figures[1].requests == 7);
    CHECK(opened->figures[1].outcomes == "ok=4");
    CHECK(opened->figures[1].latency == "100 1 2 3");
    CHECK(opened->figures[1].served == 5s);
    std::vector<store::FigureRow> many;
    for (std::uint32_t phase = 3; phase < store::figure_capacity + 10; ++phase)
      many.push_back(row(phase, 1));
    opened->journal->save_figures(many, [](const auto& saved) { CHECK(saved.has_value()); });
  }
  auto opened = store::Journal::open(dir.path());
  REQUIRE(opened.has_value());
  CHECK(opened->figures.size() == store::figure_capacity);
}

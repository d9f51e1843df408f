#include "rehearsal/virtual_plane.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "config/load.hpp"
#include "stats/window.hpp"
#include "traffic/build_table.hpp"

using namespace canary;
using namespace canary::rehearsal;
using namespace std::chrono_literals;

namespace {

const char* const text = R"(
models:
  m:
    match: [{ path_prefix: /m }]
    stable: { version: m_v1, endpoints: ["http://127.0.0.1:9001"] }
    canary: { version: m_v2, endpoints: ["http://127.0.0.1:9002"] }
    slo: { latency_p95: 200ms }
    timeouts: { first_byte: 10s }
)";

/// A plane with one model under a scenario, without a gateway.
struct Stage {
  explicit Stage(const std::string& scenario)
      : config(config::load(text).config),
        script(config::load_scenario(scenario, config).scenario),
        world(script, config),
        plane(world, random) {}

  void weigh(base::BasisPoints weight) {
    plane.publish(traffic::build_table(config, {{"m", weight}}, traffic::lookup_numeric, endpoints,
                                       registry, ++generation),
                  [] {});
    plane.apply();
  }
  void run(int steps, base::Duration step) {
    for (int i = 0; i < steps; ++i) plane.step(now += step, step);
  }
  const stats::VersionStats& stats_of(const std::string& version) {
    for (const auto& stats : registry.all())
      if (stats->version == version) return *stats;
    throw std::logic_error("no such version");
  }
  stats::Evidence of(const std::string& version) { return stats::sample(stats_of(version)); }

  config::Config config;
  config::Scenario script;
  base::Random random{11};
  World world;
  VirtualPlane plane;
  stats::Registry registry{1};
  traffic::EndpointRegistry endpoints;
  std::uint64_t generation = 0;
  base::MonoTime now{1h};
};

/// Within six standard deviations of a binomial count.
void check_share(std::uint64_t found, std::uint64_t of, double share) {
  const double n = static_cast<double>(of);
  CAPTURE(found, of, share);
  CHECK(std::abs(static_cast<double>(found) - n * share) <=
        6 * std::sqrt(n * share * (1 - share)) + 1);
}

}  // namespace

TEST_CASE("traffic, split, errors and slow answers have their shares", "[plane]") {
  Stage stage(
      "requests_per_second: 100\n"
      "canary: { error_rate: 2%, latency: { p50: 60ms, p95: 200ms } }\n");
  stage.weigh(1000);
  stage.run(2000, 1s);
  const auto stable = stage.of("m_v1"), canary = stage.of("m_v2");
  const std::uint64_t all = stable.requests + canary.requests;
  CHECK(std::abs(static_cast<double>(all) - 200000) <= 6 * std::sqrt(200000));
  check_share(canary.requests, all, .1);
  check_share(canary.errors, canary.requests, .02);
  check_share(canary.over_slo, canary.latency_samples, .05);
  CHECK(stable.errors == 0);
  CHECK(stage.plane.totals().at({"m", "m_v2"}).requests ==
        canary.requests + stage.stats_of("m_v2").in_flight());
}

TEST_CASE("at 0% and at 100% one version gets none", "[plane]") {
  Stage stage("requests_per_second: 100\n");
  stage.weigh(0);
  stage.run(50, 1s);
  CHECK(stage.of("m_v2").requests == 0);
  stage.weigh(10000);
  stage.run(2, 10s);
  const auto before = stage.of("m_v1").requests;
  stage.run(50, 1s);
  CHECK(stage.of("m_v1").requests == before);
  CHECK(stage.of("m_v2").requests > 4000);
}

TEST_CASE("requests that hang are in flight, slow by their age, and end when they are told",
          "[plane]") {
  Stage stage(
      "requests_per_second: 100\n"
      "canary: { error_rate: 100%, error_outcome: timeout_first_byte }\n");
  stage.weigh(10000);
  stage.run(8, 250ms);
  CHECK(stage.stats_of("m_v2").in_flight() > 100);
  CHECK(stage.of("m_v2").requests == 0);      // none has ended
  CHECK(stage.of("m_v2").over_trigger > 50);  // older than 300 ms
  stage.plane.end_requests("m", "m_v2");
  CHECK(stage.stats_of("m_v2").in_flight() == 0);
  CHECK(stage.of("m_v2").errors == 0);  // the gateway's doing
  stage.run(80, 250ms);
  CHECK(stage.of("m_v2").errors > 500);  // the rest, after ten seconds each
}

TEST_CASE("what is beyond a version's capacity is refused as overload", "[plane]") {
  Stage stage("requests_per_second: 100\nstable: { capacity: 60 }\n");
  stage.weigh(0);
  stage.run(1000, 1s);
  const auto stable = stage.of("m_v1");
  const auto refused = stable.by_outcome[static_cast<std::size_t>(stats::Outcome::overload)];
  CHECK(stable.errors == refused);
  CHECK(std::abs(static_cast<double>(refused) / 1000 - 40) < 3);
}

TEST_CASE("a version that is down fails every request, and stable answers the canary's",
          "[plane]") {
  Stage stage("requests_per_second: 100\ncanary: { down: true }\n");
  stage.weigh(5000);
  stage.run(100, 1s);
  const auto& totals = stage.plane.totals().at({"m", "m_v2"});
  CHECK(totals.requests > 4000);
  CHECK(totals.errors == totals.requests);
  CHECK(totals.failovers == totals.requests);
}

TEST_CASE("labels come at their share and show the error that was scripted", "[plane]") {
  Stage stage(
      "requests_per_second: 100\n"
      "stable: { quality: { error: 0.2, labels: 50% } }\n"
      "canary: { quality: { error: 0.3, spread: 0.05, labels: 10% } }\n");
  stage.weigh(5000);
  stage.run(60, 1s);  // the judge's window
  const auto quality = stage.plane.quality("m");
  REQUIRE(quality.has_value());
  check_share(quality->stable_samples, stage.of("m_v1").requests, .5);
  check_share(quality->canary_samples, stage.of("m_v2").requests, .1);
  CHECK(quality->stable_error == Approx(.2).epsilon(.16));
  CHECK(quality->canary_error == Approx(.3).epsilon(.06));
  stage.weigh(0);
  stage.run(80, 1s);
  CHECK(stage.plane.quality("m")->canary_samples == 0);  // no request, no label
}

TEST_CASE("a change that takes its time is half done at half of it", "[world]") {
  Stage stage(
      "requests_per_second: 100\nevents: [{ at: 0s, over: 2h, canary: { error_rate: 4% } }]");
  stage.world.apply(stage.script.events.at(0), 0s);
  CHECK(stage.world.find("m")->canary.error_rate == 0);
  stage.world.advance(1h);
  CHECK(stage.world.find("m")->canary.error_rate == Approx(.02));
  stage.world.advance(3h);
  CHECK(stage.world.find("m")->canary.error_rate == Approx(.04));
}

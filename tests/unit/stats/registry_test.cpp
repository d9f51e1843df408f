#include "stats/registry.hpp"

#include <catch2/catch.hpp>
#include <chrono>

using namespace canary::stats;
using namespace std::chrono_literals;

TEST_CASE("a version keeps its cells over reloads", "[registry]") {
  Registry registry(2);
  const auto first = registry.version("m", "v1", {200ms, 300ms, false});
  CHECK(first->requests->all().size() == 2);
  CHECK(first->latency->all().size() == 2);
  CHECK(registry.version("m", "v1", {200ms, 300ms, false}) == first);
  CHECK(registry.version("m", "v2", {200ms, 300ms, false})->requests != first->requests);
  CHECK(registry.version("other", "v1", {200ms, 300ms, false})->requests != first->requests);
}

TEST_CASE("other bounds begin a latency epoch and leave the requests alone", "[registry]") {
  Registry registry(1);
  const auto first = registry.version("m", "v1", {200ms, 300ms, false});
  first->requests->at(0).finished.add(5);
  for (const LatencyBounds other :
       {LatencyBounds{100ms, 300ms, false}, LatencyBounds{100ms, 150ms, false},
        LatencyBounds{100ms, 150ms, true}, LatencyBounds{}}) {
    const auto before = registry.version("m", "v1", registry.all()[0]->latency->bounds);
    const auto next = registry.version("m", "v1", other);
    CHECK(next->requests == first->requests);
    CHECK(next->latency != before->latency);
    CHECK(next->latency->bounds == other);
  }
  CHECK(first->latency->bounds.slo == 200ms);  // what a table in force still writes to
  CHECK(registry.all().size() == 1);
}

TEST_CASE("all versions are listed by model and version", "[registry]") {
  Registry registry(1);
  registry.version("b", "v1", {});
  registry.version("a", "v2", {});
  registry.version("a", "v1", {});
  std::string order;
  for (const auto& stats : registry.all()) order += stats->model + "/" + stats->version + " ";
  CHECK(order == "a/v1 a/v2 b/v1 ");
}

TEST_CASE("in flight is what started and has not finished, over all workers", "[registry]") {
  Registry registry(2);
  const auto stats = registry.version("m", "v1", {});
  stats->requests->at(0).started.add(3);
  stats->requests->at(0).finished.add(1);
  stats->requests->at(1).started.add(2);
  CHECK(stats->in_flight() == 4);
  stats->requests->at(1).finished.add(9);
  CHECK(stats->in_flight() == 0);
}

#include "stats/cells.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <thread>

#include "base/random.hpp"

using namespace canary;
using namespace canary::stats;
using namespace std::chrono_literals;

namespace {

const LatencyBounds slo_of_total{200ms, 300ms, false};

struct Cells {
  explicit Cells(LatencyBounds bounds = slo_of_total) : epoch(1, bounds), requests(1) {}
  LatencyCells epoch;
  RequestCells requests;
  LatencyCell& latency() { return epoch.at(0); }
  RequestCell& request() { return requests.at(0); }
  void record(const Observation& o) { stats::record(request(), latency(), epoch, o); }
  std::uint64_t histogram_count() {
    Histogram::Snapshot snapshot;
    snapshot.add(latency().evidence);
    return snapshot.count();
  }
  std::map<std::pair<Outcome, int>, std::uint64_t> pairs() {
    std::map<std::pair<Outcome, int>, std::uint64_t> all;
    request().by_code.for_each([&](Outcome o, std::uint16_t code, std::uint64_t n) {
      all[{o, code}] += n;
    });
    return all;
  }
};

Observation answered(base::Duration first_byte, base::Duration total) {
  Observation o;
  o.outcome = Outcome::ok;
  o.code = 200;
  o.first_byte = first_byte;
  o.total = total;
  return o;
}

}  // namespace

TEST_CASE("a finished request is charged exactly once", "[cells]") {
  Cells cells;
  Observation o = answered(5ms, 10ms);
  o.bytes_received = 3;
  o.bytes_sent = 5;
  cells.record(o);
  CHECK(cells.request().finished.get() == 1);
  CHECK(cells.request().by_outcome[0].get() == 1);
  CHECK(cells.request().evidence.get() == 1);
  CHECK(cells.request().evidence_errors.get() == 0);
  CHECK(cells.request().bytes_received.get() == 3);
  CHECK(cells.request().bytes_sent.get() == 5);
  CHECK(cells.pairs() == std::map<std::pair<Outcome, int>, std::uint64_t>{{{Outcome::ok, 200}, 1}});
}

TEST_CASE("requests that are alike are recorded at once as one by one", "[cells]") {
  Cells at_once, one_by_one;
  Observation slow = answered(5ms, 400ms), failed;
  slow.bytes_sent = 7;
  failed.outcome = Outcome::server_error;
  failed.code = 500;
  failed.error = true;
  for (const auto& o : {slow, failed}) {
    stats::record(at_once.request(), at_once.latency(), at_once.epoch, o, 30);
    for (int i = 0; i < 30; ++i) one_by_one.record(o);
  }
  const auto same = [&](auto&& read) {
    CHECK(read(at_once) == read(one_by_one));
    CHECK(read(at_once) > 0);
  };
  same([](Cells& c) { return c.request().finished.get(); });
  same([](Cells& c) { return c.request().evidence_errors.get(); });
  same([](Cells& c) { return c.request().by_outcome[0].get(); });
  same([](Cells& c) { return c.request().bytes_sent.get(); });
  same([](Cells& c) { return c.latency().samples.get(); });
  same([](Cells& c) { return c.latency().over_slo.get(); });
  same([](Cells& c) { return c.latency().over_trigger.get(); });
  same([](Cells& c) { return c.latency().duration.sum_us.get(); });
  same([](Cells& c) { return c.histogram_count(); });
  CHECK(at_once.pairs() == one_by_one.pairs());
}

TEST_CASE("evidence leaves out what says nothing about the version", "[cells]") {
  struct Row {
    Outcome outcome;
    bool error, evidence;
    std::uint64_t counted, errors;
  };
  const Row rows[] = {{Outcome::ok, false, true, 1, 0},
                      {Outcome::client_error, false, true, 0, 0},
                      {Outcome::client_error, true, true, 1, 1},  // errors.also
                      {Outcome::server_error, true, true, 1, 1},
                      {Outcome::server_error, true, false, 0, 0},  // the client chose the version
                      {Outcome::client_abort, true, true, 0, 0},
                      {Outcome::gateway_error, true, true, 0, 0}};
  for (const Row& row : rows) {
    CAPTURE(name(row.outcome), row.error, row.evidence);
    Cells cells;
    Observation o;
    o.outcome = row.outcome;
    o.error = row.error;
    o.evidence = row.evidence;
    cells.record(o);
    CHECK(cells.request().evidence.get() == row.counted);
    CHECK(cells.request().evidence_errors.get() == row.errors);
    CHECK(cells.request().finished.get() == 1);
  }
}

TEST_CASE("latency is judged on ok responses that are evidence", "[cells]") {
  Cells cells;
  Observation failed = answered(1ms, 1ms);
  failed.outcome = Outcome::server_error;
  cells.record(failed);
  Observation chosen = answered(1s, 1s);
  chosen.evidence = false;
  cells.record(chosen);
  CHECK(cells.histogram_count() == 0);
  CHECK(cells.latency().samples.get() == 0);
  CHECK(cells.latency().over_slo.get() == 0);
  cells.record(answered(1ms, 1ms));
  CHECK(cells.histogram_count() == 1);
  CHECK(cells.latency().samples.get() == 1);
}

TEST_CASE("the bounds are exact: at them is not over them", "[cells]") {
  struct Row {
    base::Duration total;
    std::uint64_t over_slo, over_trigger;
  };
  const Row rows[] = {{200ms, 0, 0}, {200ms + 1ns, 1, 0}, {300ms, 1, 0}, {300ms + 1ns, 1, 1}};
  for (const Row& row : rows) {
    CAPTURE(row.total.count());
    Cells cells;
    cells.record(answered(1ms, row.total));
    CHECK(cells.latency().samples.get() == 1);
    CHECK(cells.latency().over_slo.get() == row.over_slo);
    CHECK(cells.latency().over_trigger.get() == row.over_trigger);
  }
}

TEST_CASE("the SLO speaks of the total, or of the first byte, or of a stream's first byte",
          "[cells]") {
  const Observation slow_body = answered(10ms, 10s);
  Cells total;
  total.record(slow_body);
  CHECK(total.latency().over_trigger.get() == 1);

  Cells first_byte({200ms, 300ms, true});
  first_byte.record(slow_body);
  CHECK(first_byte.latency().samples.get() == 1);
  CHECK(first_byte.latency().over_slo.get() == 0);

  Cells stream;
  Observation events = slow_body;
  events.streamed = true;
  stream.record(events);
  CHECK(stream.latency().samples.get() == 1);
  CHECK(stream.latency().over_slo.get() == 0);
}

TEST_CASE("a request counted slow in flight is not counted again when it ends", "[cells]") {
  Cells cells;
  record_slow_slo(cells.latency());
  CHECK(cells.latency().samples.get() == 1);
  CHECK(cells.latency().over_slo.get() == 1);
  CHECK(cells.latency().over_trigger.get() == 0);

  SECTION("ended between the bounds") {
    Observation o = answered(250ms, 250ms);
    o.counted_slow_slo = true;
    cells.record(o);
    CHECK(cells.latency().over_trigger.get() == 0);
    CHECK(cells.histogram_count() == 1);
  }
  SECTION("passed the trigger only by its measured end") {
    Observation o = answered(400ms, 400ms);
    o.counted_slow_slo = true;
    cells.record(o);
    CHECK(cells.latency().over_trigger.get() == 1);
  }
  SECTION("counted at both bounds") {
    record_slow_trigger(cells.latency());
    Observation o = answered(400ms, 400ms);
    o.counted_slow_slo = o.counted_slow_trigger = true;
    cells.record(o);
    CHECK(cells.latency().over_trigger.get() == 1);
    CHECK(cells.histogram_count() == 1);
  }
  SECTION("failed in the end") {
    Observation o;
    o.outcome = Outcome::timeout_total;
    o.error = o.counted_slow_slo = true;
    cells.record(o);
    CHECK(cells.histogram_count() == 0);
  }
  CHECK(cells.latency().samples.get() == 1);
  CHECK(cells.latency().over_slo.get() == 1);
}

TEST_CASE("without an SLO latencies are sampled and nothing is slow", "[cells]") {
  Cells cells(LatencyBounds{});
  cells.record(answered(10s, 100s));
  CHECK(cells.latency().samples.get() == 1);
  CHECK(cells.latency().over_slo.get() == 0);
  CHECK(cells.latency().over_trigger.get() == 0);
  CHECK(cells.histogram_count() == 1);
}

TEST_CASE("exported bounds hold the SLO and its trigger exactly, sorted and once", "[cells]") {
  for (const LatencyBounds bounds :
       {LatencyBounds{}, slo_of_total, LatencyBounds{100ms, 150ms, true},
        LatencyBounds{123456us, 185184us, false}, LatencyBounds{90s, 135s, false},
        LatencyBounds{600s, 900s, false}, LatencyBounds{2h, 3h, false}}) {
    const auto all = exported_bounds(bounds);
    CHECK(all.size() <= BoundedHistogram::max_bounds);
    CHECK(std::adjacent_find(all.begin(), all.end(), std::greater_equal<>()) == all.end());
    CHECK(std::count(all.begin(), all.end(), base::Duration(1ms)) == 1);
    for (const base::Duration minutes : {60s, 120s, 300s, 600s, 3600s})
      CHECK(std::count(all.begin(), all.end(), minutes) == 1);
    for (const auto exact : {bounds.slo, bounds.trigger})
      if (exact > 0s) CHECK(std::count(all.begin(), all.end(), exact) == 1);
    CHECK(std::count(all.begin(), all.end(), base::Duration(0)) == 0);
  }
}

TEST_CASE("an exported bucket includes its upper bound, and the last takes the rest", "[cells]") {
  const auto bounds = exported_bounds(slo_of_total);
  BoundedHistogram histogram;
  const auto slo = static_cast<std::size_t>(
      std::find(bounds.begin(), bounds.end(), base::Duration(200ms)) - bounds.begin());
  histogram.add(bounds, 200ms);
  histogram.add(bounds, 200ms + 1ns);
  histogram.add(bounds, 1h + 1ns);
  CHECK(histogram.counts[slo].get() == 1);
  CHECK(histogram.counts[slo + 1].get() == 1);
  CHECK(histogram.counts[bounds.size()].get() == 1);
  CHECK(histogram.sum_us.get() == 400'000 + 3'600'000'000);
}

TEST_CASE("every complete response is in the exported durations, whatever its outcome", "[cells]") {
  Cells cells;
  Observation o = answered(1ms, 2ms);
  o.outcome = Outcome::server_error;
  o.evidence = false;
  cells.record(o);
  o.total.reset();  // truncated after its first byte
  o.outcome = Outcome::truncated;
  cells.record(o);
  const auto sum = [](const BoundedHistogram& h) {
    std::uint64_t n = 0;
    for (const auto& c : h.counts) n += c.get();
    return n;
  };
  CHECK(sum(cells.latency().duration) == 1);
  CHECK(sum(cells.latency().first_byte) == 2);
}

TEST_CASE("the table of codes loses no count when it is full", "[cells]") {
  Cells cells;
  base::Random random(5);
  std::array<std::uint64_t, outcome_count> expected{};
  for (int i = 0; i < 20000; ++i) {
    const auto outcome = static_cast<Outcome>(random.below(outcome_count));
    cells.request().by_code.add(outcome, static_cast<std::uint16_t>(100 + random.below(900)));
    ++expected[static_cast<std::size_t>(outcome)];
  }
  cells.request().by_code.add(Outcome::ok, 65535);  // not a status code: none
  ++expected[0];
  std::array<std::uint64_t, outcome_count> counted{};
  for (const auto& [pair, n] : cells.pairs()) counted[static_cast<std::size_t>(pair.first)] += n;
  CHECK(counted == expected);
  CHECK(cells.pairs().size() == 128);
  CHECK(cells.pairs().count({Outcome::gateway_error, 0}) == 1);
}

TEST_CASE("a reader sees consistent counters while their worker writes", "[cells]") {
  Cells cells;
  std::atomic<bool> done{false};
  std::thread worker([&] {
    for (int i = 0; i < 20000; ++i) {
      cells.request().started.add();
      Observation o = answered(1ms, base::Duration(1us) * i);
      o.code = static_cast<std::uint16_t>(200 + i % 20);
      cells.record(o);
    }
    done = true;
  });
  std::uint64_t last = 0;
  while (!done) {
    std::uint64_t sum = 0;
    for (const auto& [pair, n] : cells.pairs()) sum += n;
    REQUIRE(sum >= last);
    last = sum;
  }
  worker.join();
  CHECK(cells.request().finished.get() == 20000);
  CHECK(cells.histogram_count() == 20000);
}

TEST_CASE("However many workers begin requests at once, no more than the limit are within it") {
  constexpr std::size_t workers = 4;
  constexpr std::uint64_t most = 2;
  VersionStats version;
  version.requests = std::make_shared<RequestCells>(workers);
  std::atomic<std::uint64_t> inside = 0, highest = 0, admitted = 0;
  std::vector<std::thread> threads;
  for (std::size_t worker = 0; worker < workers; ++worker)
    threads.emplace_back([&, worker] {
      RequestCell& cell = version.requests->at(worker);
      for (int i = 0; i < 20000; ++i) {
        cell.started.add();
        if (version.within(most)) {
          const std::uint64_t now = ++inside;
          for (std::uint64_t seen = highest; seen < now;)
            if (highest.compare_exchange_weak(seen, now)) break;
          ++admitted;
          --inside;
        }
        cell.finished.publish();
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(highest <= most);
  CHECK(admitted > 0);
  CHECK(version.in_flight() == 0);
}

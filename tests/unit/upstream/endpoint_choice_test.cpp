#include "upstream/endpoint_choice.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <map>
#include <set>

#include "traffic/build_table.hpp"

using namespace std::chrono_literals;

namespace canary::upstream {
namespace {

constexpr MonoTime start{Duration(1h)};

/// One version with so many endpoints, and what one worker knows of them.
struct Endpoints {
  explicit Endpoints(std::size_t count, bool probed = false) {
    config::Model& model = config.models.emplace_back();
    model.name = "m";
    model.match.push_back({.path_prefix = "/", .host = {}, .header_name = {}, .header_value = {}});
    model.stable.name = "m_v1";
    if (probed) model.health.path = "/ready";
    for (std::size_t i = 0; i < count; ++i)
      model.stable.endpoints.push_back({"127.0.0.1", static_cast<std::uint16_t>(9000 + i)});
    publish();
  }
  void publish() {
    table =
        traffic::build_table(config, {}, traffic::lookup_numeric, registry, cells, ++generation);
    book.follow(*table);
  }
  const traffic::Version& version() const { return table->models[0].stable; }
  EndpointBook::Entry& entry(std::size_t i) { return *book.find(version().endpoints[i].id); }
  traffic::EndpointHealth& health(std::size_t i) { return *version().endpoints[i].health; }
  stats::EndpointCell& cell(std::size_t i) { return version().endpoints[i].cells->at(0); }
  EndpointChoice choice(bool has_stand_in = false, std::uint32_t eject_after = 3) {
    return {version(), {eject_after, has_stand_in}, {book, random, 0}};
  }
  /// Which endpoint that is; -1: none.
  int index(const traffic::Endpoint* endpoint) const {
    return endpoint == nullptr ? -1 : static_cast<int>(endpoint - version().endpoints.data());
  }
  int first_of(bool has_stand_in = false) { return index(choice(has_stand_in).next(start)); }
  void eject(std::size_t i) {
    for (int n = 0; n < 3; ++n) entry(i).ejection.failed(Try::in_use, start, 3, 0.5);
  }

  config::Config config;
  EndpointBook book;
  traffic::EndpointRegistry registry;
  stats::Registry cells{1};
  base::Random random{1};
  std::uint64_t generation = 0;
  std::shared_ptr<const traffic::RoutingTable> table;
};

/// The endpoints that one request tries, when every connect ends with `error`.
std::vector<int> tried(Endpoints& endpoints, EndpointChoice& choice, int error = ECONNREFUSED) {
  std::vector<int> order;
  while (const auto* next = choice.next(start)) {
    order.push_back(endpoints.index(next));
    choice.ended(error, start);
    REQUIRE(order.size() < 1000);
  }
  return order;
}

}  // namespace

TEST_CASE("When one of the model's is back, the next request finds out about each other one",
          "[endpoint_choice]") {
  Endpoints endpoints(3);
  for (std::size_t i = 0; i < 3; ++i) endpoints.eject(i);
  REQUIRE(endpoints.first_of(true) == -1);
  EndpointChoice last_resort = endpoints.choice();
  const int back = endpoints.index(last_resort.next(start));
  REQUIRE(back >= 0);
  last_resort.ended(0, start);
  REQUIRE(last_resort.brought_back());
  endpoints.book.hasten(endpoints.table->models[0], start);
  EndpointChoice choice = endpoints.choice(true);
  const auto order = tried(endpoints, choice);
  CHECK(order.size() == 3);
  // Those that were not back after all are out again, and soon asked again.
  for (std::size_t i = 0; i < 3; ++i) {
    if (static_cast<int>(i) == back) continue;
    CHECK_FALSE(endpoints.entry(i).ejection.admits(start + 20ms));
    CHECK(endpoints.entry(i).ejection.admits(start + 40ms));
  }
}

TEST_CASE("Each endpoint is tried at most once, and all of them are", "[endpoint_choice]") {
  const std::size_t count = GENERATE(1, 2, 3, 10, 64);
  Endpoints endpoints(count);
  EndpointChoice choice = endpoints.choice();
  const auto order = tried(endpoints, choice);
  CHECK(order.size() == count);
  CHECK(std::set<int>(order.begin(), order.end()).size() == count);
  CHECK_FALSE(choice.all_out());
}

TEST_CASE("Of very many endpoints no one is tried twice either", "[endpoint_choice]") {
  Endpoints endpoints(300);
  EndpointChoice choice = endpoints.choice();
  const auto order = tried(endpoints, choice);
  CHECK(order.size() == 64);
  CHECK(std::set<int>(order.begin(), order.end()).size() == order.size());
}

TEST_CASE("A version without an address has nobody to try", "[endpoint_choice]") {
  Endpoints endpoints(0);
  EndpointChoice choice = endpoints.choice();
  CHECK(choice.next(start) == nullptr);
  CHECK(choice.all_out());
}

TEST_CASE("Of two endpoints the one with fewer requests in flight is taken", "[endpoint_choice]") {
  Endpoints endpoints(2);
  const int busy = GENERATE(0, 1);
  endpoints.entry(static_cast<std::size_t>(busy)).in_flight = 1;
  for (int i = 0; i < 100; ++i) CHECK(endpoints.first_of() == 1 - busy);
}

TEST_CASE("Without load every endpoint gets its share", "[endpoint_choice]") {
  Endpoints endpoints(5);
  std::map<int, int> counts;
  for (int i = 0; i < 10'000; ++i) ++counts[endpoints.first_of()];
  REQUIRE(counts.size() == 5);
  for (const auto& [index, count] : counts) CHECK(std::abs(count - 2000) < 250);
}

TEST_CASE("Two choices keep the fullest endpoint near the mean, also while some are ejected",
          "[endpoint_choice]") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    Endpoints endpoints(20);
    endpoints.random = base::Random(seed);
    const bool some_are_out = seed % 2 == 0;
    if (some_are_out)
      for (std::size_t i = 0; i < 10; ++i) endpoints.eject(i);
    for (int i = 0; i < 2000; ++i)
      ++endpoints.entry(static_cast<std::size_t>(endpoints.first_of())).in_flight;
    std::uint32_t most = 0;
    for (std::size_t i = 0; i < 20; ++i) most = std::max(most, endpoints.entry(i).in_flight);
    const std::uint32_t mean = some_are_out ? 200 : 100;
    CHECK(most <= mean + 8);  // one choice alone is some 20 above it
    if (some_are_out) CHECK(endpoints.entry(0).in_flight == 0);
  }
}

TEST_CASE("As many refused connects as configured eject, and the counter says so once",
          "[endpoint_choice]") {
  Endpoints endpoints(2);
  for (int request = 0; request < 3; ++request) {
    CHECK_FALSE(endpoints.entry(0).ejection.ejected());
    EndpointChoice choice = endpoints.choice();
    while (const auto* next = choice.next(start))
      choice.ended(endpoints.index(next) == 0 ? ECONNREFUSED : ETIMEDOUT, start);
  }
  for (const std::size_t i : {0, 1}) {
    CHECK(endpoints.entry(i).ejection.ejected());
    CHECK(endpoints.cell(i).retry_at > 0);
    CHECK(endpoints.cell(i).ejections.get() == 1);
  }
  CHECK(endpoints.cell(0).error == ECONNREFUSED);
  CHECK(endpoints.cell(1).error == ETIMEDOUT);
}

TEST_CASE("What the gateway lacks itself, and clients that leave, eject nobody",
          "[endpoint_choice]") {
  Endpoints endpoints(1);
  for (const int error : {EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL, ECANCELED}) {
    for (int i = 0; i < 10; ++i) {
      EndpointChoice choice = endpoints.choice();
      CHECK(tried(endpoints, choice, error).size() == 1);
    }
    CHECK_FALSE(endpoints.entry(0).ejection.ejected());
  }
}

TEST_CASE("Behind its back-off an ejected endpoint gets one request, which brings it back",
          "[endpoint_choice]") {
  Endpoints endpoints(2);
  endpoints.eject(0);
  endpoints.cell(0).out(start, start + 1s);
  for (int i = 0; i < 50; ++i) CHECK(endpoints.first_of() == 1);
  endpoints.entry(1).in_flight = 1;
  EndpointChoice finds_out = endpoints.choice(), other = endpoints.choice();
  CHECK(endpoints.index(finds_out.next(start + 1s)) == 0);
  CHECK_FALSE(finds_out.in_use());  // an idle connection would say nothing
  CHECK(endpoints.index(other.next(start + 1s)) == 1);
  CHECK(other.in_use());
  finds_out.ended(0, start + 1s);
  CHECK(endpoints.cell(0).retry_at == 0);
  CHECK(endpoints.first_of() == 0);
}

TEST_CASE("A try that is given up leaves room for the next", "[endpoint_choice]") {
  Endpoints endpoints(1);
  endpoints.eject(0);
  for (int i = 0; i < 3; ++i) {
    EndpointChoice choice = endpoints.choice(true);
    REQUIRE(choice.next(start + 1s) != nullptr);
    CHECK(endpoints.choice(true).next(start + 1s) == nullptr);
    choice.ended(i == 0 ? ECANCELED : EMFILE, start + 1s);
  }
}

TEST_CASE("With a stand-in nobody is tried who is out; without one each is the last resort, once",
          "[endpoint_choice]") {
  Endpoints endpoints(3, true);
  for (std::size_t i = 0; i < 3; ++i) endpoints.eject(i);
  EndpointChoice replaced = endpoints.choice(true);
  CHECK(replaced.next(start) == nullptr);
  CHECK(replaced.all_out());

  EndpointChoice first = endpoints.choice(), second = endpoints.choice();
  CHECK(first.next(start) != nullptr);
  CHECK(first.all_out());
  CHECK(tried(endpoints, second).size() == 2);  // not where the first is trying already
  CHECK(second.all_out());
  first.ended(ECONNREFUSED, start);
  EndpointChoice third = endpoints.choice();
  CHECK(tried(endpoints, third).size() == 3);
}

TEST_CASE("An ejected endpoint is tried when those in use have failed a request",
          "[endpoint_choice]") {
  Endpoints endpoints(2);
  endpoints.eject(0);
  EndpointChoice choice = endpoints.choice();
  CHECK(tried(endpoints, choice) == std::vector<int>{1, 0});
  CHECK_FALSE(choice.all_out());
  EndpointChoice replaced = endpoints.choice(true);
  CHECK(tried(endpoints, replaced) == std::vector<int>{1});
}

TEST_CASE("Who has waited for a connect in vain is not sent to those that are out",
          "[endpoint_choice]") {
  Endpoints endpoints(3);
  endpoints.eject(0);
  endpoints.eject(1);
  EndpointChoice choice = endpoints.choice();
  CHECK(tried(endpoints, choice, ETIMEDOUT) == std::vector<int>{2});
  endpoints.eject(2);
  EndpointChoice last_resort = endpoints.choice();
  CHECK(tried(endpoints, last_resort, ETIMEDOUT).size() == 1);
  CHECK(last_resort.all_out());
}

TEST_CASE("An endpoint whose probes fail gets nothing while there are others",
          "[endpoint_choice]") {
  Endpoints endpoints(3, true);
  endpoints.health(0).healthy = false;
  for (int i = 0; i < 50; ++i) CHECK(endpoints.first_of() != 0);
  endpoints.health(0).healthy = true;
  endpoints.entry(1).in_flight = endpoints.entry(2).in_flight = 1;
  CHECK(endpoints.first_of() >= 0);
}

TEST_CASE("Stable stands in when it has answered a probe since the canary's began to fail",
          "[endpoint_choice]") {
  Endpoints endpoints(2, true);
  const traffic::Version& stable = endpoints.version();
  traffic::Version canary = stable;
  traffic::EndpointHealth out;
  canary.endpoints.resize(1);
  canary.endpoints[0].health = {std::shared_ptr<void>(), &out};
  const auto stands_in = [&] { return EndpointChoice::stands_in(stable, canary, endpoints.book); };
  const auto at = [](Duration since) { return (start + since).time_since_epoch().count(); };
  endpoints.health(0).answered = endpoints.health(1).answered = at(1s);
  CHECK(stands_in());  // whatever else the canary is out for
  out.failing_since = at(2s);
  CHECK(stands_in());
  out.healthy = false;
  CHECK_FALSE(stands_in());  // an outage of both, which stable's probes have not noticed yet?
  endpoints.health(1).answered = at(3s);
  CHECK(stands_in());
  endpoints.health(1).healthy = false;
  CHECK_FALSE(stands_in());
  endpoints.health(0).answered = at(4s);
  CHECK(stands_in());
  endpoints.eject(0);
  CHECK_FALSE(stands_in());
}

TEST_CASE("Probes that fail everywhere are not believed where nobody else could answer",
          "[endpoint_choice]") {
  Endpoints endpoints(2, true);
  for (const std::size_t i : {0, 1}) endpoints.health(i).healthy = false;
  CHECK(endpoints.first_of(true) == -1);
  EndpointChoice choice = endpoints.choice();
  CHECK(choice.next(start) != nullptr);
  CHECK(choice.in_use());
  CHECK_FALSE(choice.all_out());
}

TEST_CASE("A probe that succeeds cuts the back-off short", "[endpoint_choice]") {
  Endpoints endpoints(1, true);
  endpoints.eject(0);
  CHECK(endpoints.first_of(true) == -1);
  endpoints.health(0).answered = (start + 1ns).time_since_epoch().count();
  CHECK(endpoints.first_of(true) == 0);
}

TEST_CASE("A model that ejects nobody is not bound by another's ejections", "[endpoint_choice]") {
  Endpoints endpoints(1);
  endpoints.eject(0);
  EndpointChoice choice = endpoints.choice(true, 0);
  CHECK(choice.next(start) != nullptr);
  CHECK(choice.in_use());
}

TEST_CASE("What is known of an endpoint outlives a table that has it, and no other",
          "[endpoint_choice]") {
  Endpoints endpoints(2);
  endpoints.eject(1);
  endpoints.publish();
  CHECK(endpoints.entry(1).ejection.ejected());
  auto& urls = endpoints.config.models[0].stable.endpoints;
  const auto removed = urls[1];
  const traffic::EndpointId id = endpoints.version().endpoints[1].id;
  urls.pop_back();
  endpoints.publish();
  CHECK(endpoints.book.find(id) == nullptr);
  urls.push_back(removed);
  endpoints.publish();
  CHECK_FALSE(endpoints.entry(1).ejection.ejected());
}

TEST_CASE("An endpoint that a newer table does not have is not tried any more",
          "[endpoint_choice]") {
  Endpoints endpoints(2);
  const auto old_table = endpoints.table;
  EndpointChoice choice(old_table->models[0].stable, {3, false},
                        {endpoints.book, endpoints.random, 0});
  REQUIRE(choice.next(start) != nullptr);
  endpoints.config.models[0].stable.endpoints = {{"127.0.0.1", 1}};
  endpoints.publish();
  choice.ended(ECONNREFUSED, start);
  CHECK(choice.next(start) == nullptr);
}

}  // namespace canary::upstream

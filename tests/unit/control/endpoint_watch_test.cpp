#include "control/endpoint_watch.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

#include "unit/control/built_table.hpp"
#include "unit/control/control_fixture.hpp"

using namespace canary;
using namespace canary::control;
using namespace std::chrono_literals;

namespace {

struct Fixture : BuiltTable {
  Fixture() : BuiltTable({"critic", 2}, 2) { publish(); }
  void publish() {
    const auto lookup = [this](const config::EndpointUrl& url) {
      return url.host == "critic" ? critic : traffic::lookup_numeric(url);
    };
    build(lookup);
    watch.follow(table);
  }
  stats::EndpointCell& cell(std::size_t endpoint, std::size_t worker) {
    return table->models[0].stable.endpoints[endpoint].cells->at(worker);
  }
  void eject(std::size_t endpoint, std::size_t worker) {
    cell(endpoint, worker).error = ECONNREFUSED;
    cell(endpoint, worker).ejections.add();
    cell(endpoint, worker).out(clock.mono(), clock.mono() + 1s);
  }
  std::uint64_t ejections(const std::string& url) {
    watch.tick();
    for (const auto& count : watch.counts())
      if (count.url == url) return count.ejections;
    return 999;
  }
  std::vector<EndpointView> stable() {
    const config::Model& model = config.models[0];
    return watch.view(model, model.stable, resolver, own);
  }

  Resolver::Addresses critic;
  base::ManualClock clock;
  boost::asio::io_context io;
  Resolver resolver{io, [] {}};
  OwnGuard own;
  HealthProbes probes{clock, nullptr, 1};
  EndpointWatch watch{clock, probes};
};

}  // namespace

TEST_CASE("every address is shown in the file's order, and a name without one", "[watch]") {
  Fixture f;
  auto shown = f.stable();
  REQUIRE(shown.size() == 2);
  CHECK(shown[0].address == "127.0.0.1:1");
  CHECK(shown[0].state == EndpointState::healthy);
  CHECK(shown[1].url == "http://critic:2");
  CHECK(shown[1].address.empty());
  CHECK(shown[1].state == EndpointState::unresolved);
  f.critic = {traffic::numeric_address({"10.0.0.1", 2}), traffic::numeric_address({"10.0.0.2", 2})};
  f.publish();
  f.eject(2, 1);
  shown = f.stable();
  REQUIRE(shown.size() == 3);
  CHECK(shown[1].state == EndpointState::healthy);
  CHECK(shown[2].address == "10.0.0.2:2");
  CHECK(shown[2].state == EndpointState::ejected);
  CHECK(shown[2].reason == "by 1 of 2 workers: Connection refused");
  f.config.models[0].health.eject_after_failures = 0;
  f.publish();
  CHECK(f.stable()[2].state == EndpointState::healthy);  // for this model it is in use
}

TEST_CASE("what nobody has tried for long is not known to be out, nor what a probe has reached",
          "[watch]") {
  Fixture f;
  f.config.models[0].health.path = "/ready";
  f.publish();
  f.eject(0, 0);
  f.clock.advance(31s);
  CHECK(f.stable()[0].state == EndpointState::ejected);
  f.clock.advance(1s);
  CHECK(f.stable()[0].state == EndpointState::healthy);
  f.eject(0, 0);
  CHECK(f.stable()[0].state == EndpointState::ejected);
  f.clock.advance(1ms);
  f.table->models[0].stable.endpoints[0].health->answered =
      f.clock.mono().time_since_epoch().count();
  CHECK(f.stable()[0].state == EndpointState::healthy);
}

TEST_CASE("ejections are summed by the file's URL and outlive the addresses", "[watch]") {
  Fixture f;
  f.critic = {traffic::numeric_address({"10.0.0.1", 2}), traffic::numeric_address({"10.0.0.2", 2})};
  f.publish();
  f.eject(1, 0);
  f.eject(1, 1);
  f.eject(2, 0);
  CHECK(f.ejections("http://critic:2") == 3);
  CHECK(f.ejections("http://critic:2") == 3);
  f.eject(2, 0);
  f.critic = {traffic::numeric_address({"10.0.0.3", 2})};
  f.publish();  // what nobody has looked at yet is counted before it is forgotten
  CHECK(f.ejections("http://critic:2") == 4);
  f.eject(1, 0);
  CHECK(f.ejections("http://critic:2") == 5);
  CHECK(f.ejections("http://127.0.0.1:1") == 0);
  f.config.models[0].stable.endpoints.pop_back();
  f.publish();
  CHECK(f.ejections("http://critic:2") == 999);  // it left the file
}

TEST_CASE("a controller probes what its file asks for, and its status says what came of it",
          "[watch]") {
  const support::TempDir dir;
  House house(dir);
  Yaml yaml;
  yaml.extra =
      "    health: { path: /ready, interval: 500ms, timeout: 100ms, unhealthy_after: 1 }\n";
  house.write(yaml);
  std::vector<std::string> asked;
  house.send_probe = [&](const net::Probe& probe, auto answer) {
    asked.push_back(probe.host + probe.target);
    answer(probe.host == "127.0.0.1:9002" ? 503 : 200);
  };
  house.start();
  house.clock.advance(1s);
  house.run_until(
      [&] { return house.model().canary_endpoints.at(0).state == EndpointState::unhealthy; });
  CHECK(house.model().canary_endpoints[0].reason == "probes of /ready fail: status 503");
  CHECK(house.model().stable_endpoints.at(0).state == EndpointState::healthy);
  CHECK(std::count(asked.begin(), asked.end(), "127.0.0.1:9001/ready") == 1);
  CHECK_FALSE(house.plane.last().models[0].canary->endpoints[0].health->healthy);
  CHECK(house.effective() == 1000);  // no weight is moved by it
}

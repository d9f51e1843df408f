#include "admin/metrics.hpp"

#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "support/source_dir.hpp"
#include "unit/admin/fixture.hpp"

using namespace canary;
using namespace std::chrono_literals;
using test::FakeGateway;

namespace {

// A gateway of which every metric has something to tell.
void make_busy(FakeGateway& gateway) {
  gateway.receivers = {{"log", 1, 0, 0, 0, ""}};
  gateway.status.models[0].in_force_after = 3ms;
  stats::LatencyBounds bounds{200ms, 300ms, false};
  auto v1 = gateway.registry.version("comp-critic", "comp-critic_v1", bounds);
  auto v2 = gateway.registry.version("comp-critic", "comp-critic_v2", bounds);
  gateway.registry.version("old", "old_v1", {});
  for (std::size_t worker = 0; worker < 2; ++worker) {
    stats::Observation ok;
    ok.outcome = stats::Outcome::ok;
    ok.code = 200;
    ok.first_byte = 100ms;
    ok.total = 200ms;
    v1->requests->at(worker).started.add();
    stats::record(v1->requests->at(worker), v1->latency->at(worker), *v1->latency, ok);
  }
  stats::Observation refused;
  refused.outcome = stats::Outcome::connect_error;
  refused.error = true;
  v2->requests->at(0).started.add(2);
  stats::record(v2->requests->at(0), v2->latency->at(0), *v2->latency, refused);
  v2->requests->at(0).failovers.add();
  gateway.rollbacks = {{"comp-critic", "error_rate", "immediate", 2}};
  gateway.refusals = {{"comp-critic", 4}};
  gateway.endpoints = {{"comp-critic", "comp-critic_v1", "http://a:1", 9, 11, 12, true},
                       {"comp-critic", "comp-critic_v2", "http://b:1", 0, 0, 0, false}};
  gateway.process.connections_open = 5;
  gateway.process.connections_accepted = 6;
  gateway.process.refused = {{400, 7}};
  gateway.process.access_log_dropped = 8;
}

std::string render(FakeGateway& gateway) { return admin::MetricsPage().render(gateway.backend()); }

bool has_line(const std::string& page, const std::string& line) {
  return ("\n" + page).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("the page carries every number under its name and labels") {
  FakeGateway gateway;
  make_busy(gateway);
  const std::string page = render(gateway);
  INFO(page);
  const std::string v1 = R"({model="comp-critic",version="comp-critic_v1",role="stable")";
  const std::string v2 = R"({model="comp-critic",version="comp-critic_v2",role="canary")";
  for (
      const std::string& line : std::vector<std::string>{
          "requests_total" + v1 + R"(,outcome="ok",code="200"} 2)",
          "requests_total" + v2 + R"(,outcome="connect_error",code="none"} 1)",
          "request_duration_seconds_count" + v1 + "} 2",
          "request_duration_seconds_sum" + v1 + "} 0.4",
          "request_duration_seconds_bucket" + v1 + R"(,le="0.1"} 0)",
          "request_duration_seconds_bucket" + v1 + R"(,le="0.2"} 2)",
          "request_duration_seconds_bucket" + v1 + R"(,le="0.3"} 2)",
          "request_duration_seconds_bucket" + v1 + R"(,le="+Inf"} 2)",
          "time_to_first_byte_seconds_bucket" + v1 + R"(,le="0.1"} 2)",
          "in_flight_requests" + v1 + "} 0",
          "in_flight_requests" + v2 + "} 1",
          R"(in_flight_requests{model="old",version="old_v1",role="retired"} 0)",
          R"(weight_ratio{model="comp-critic",version="comp-critic_v2",kind="file"} 0.1)",
          R"(weight_ratio{model="comp-critic",version="comp-critic_v2",kind="flag"} 1)",
          R"(weight_ratio{model="comp-critic",version="comp-critic_v2",kind="effective"} 0.1)",
          R"(rollout_status{model="comp-critic",status="running"} 1)",
          R"(rollout_status{model="comp-critic",status="rolled_back"} 0)",
          R"(analysis_value{model="comp-critic",criterion="error_rate"} 0.002)",
          R"(analysis_threshold{model="comp-critic",criterion="error_rate",bound="success"} 0.001)",
          R"(analysis_threshold{model="comp-critic",criterion="error_rate",bound="trigger"} 0.005)",
          R"(rollbacks_total{model="comp-critic",trigger="error_rate",mode="immediate"} 2)",
          R"(rollbacks_total{model="comp-critic",trigger="operator",mode="immediate"} 0)",
          R"(failovers_total{model="comp-critic"} 1)",
          R"(refused_raises_total{model="comp-critic"} 4)",
          "config_reload_success 1",
          "config_held 0",
          "config_last_reload_timestamp_seconds 1700000000",
          "ready 1",
          "state_durable 1",
          "latch_slots 1023",
          "latch_slots_needed 2",
          "latch_file_sound 1",
          "latch_file_damages_total 0",
          "connections 5",
          "connections_accepted_total 6",
          R"(refused_requests_total{code="400"} 7)",
          "access_log_dropped_lines_total 8",
      }) {
    INFO(line);
    CHECK(has_line(page, "canary_gateway_" + line));
  }
  CHECK(page.find("\ncanary_gateway_build_info{version=\"") != std::string::npos);
  CHECK(page.find("\ncanary_gateway_log_dropped_lines_total ") != std::string::npos);
}

TEST_CASE("every rollback that can happen begins at 0, so that the first one is an increase") {
  FakeGateway gateway;
  const std::string page = render(gateway);
  INFO(page);
  const auto zero = [&](const std::string& trigger, const char* mode) {
    return has_line(page, "canary_gateway_rollbacks_total{model=\"comp-critic\",trigger=\"" +
                              trigger + "\",mode=\"" + mode + "\"} 0");
  };
  for (const char* trigger : {"error_rate", "operator", "insufficient_data"}) {
    CAPTURE(trigger);
    CHECK(zero(trigger, "immediate"));
    CHECK(zero(trigger, "gradual"));
  }
  for (const char* trigger : {"critical_bug", "flag", "file", "state_lost", "recovered"}) {
    CAPTURE(trigger);
    CHECK(zero(trigger, "immediate"));
    CHECK_FALSE(zero(trigger, "gradual"));
  }
}

TEST_CASE("endpoints are counted by the file's URL, their addresses together") {
  FakeGateway gateway;
  make_busy(gateway);
  const std::string page = render(gateway);
  INFO(page);
  const std::string a = R"({model="comp-critic",version="comp-critic_v1",endpoint="http://a:1")";
  const std::string b = R"({model="comp-critic",version="comp-critic_v2",endpoint="http://b:1")";
  for (const std::string& line :
       {"endpoints" + a + R"(,state="healthy"} 1)", "endpoints" + a + R"(,state="ejected"} 1)",
        "endpoints" + a + R"(,state="unhealthy"} 0)", "endpoints" + a + R"(,state="unresolved"} 0)",
        "endpoints" + b + R"(,state="unresolved"} 1)", "endpoint_ejections_total" + a + "} 9",
        "endpoint_ejections_total" + b + "} 0",
        "endpoint_probes_total" + a + R"(,result="success"} 11)",
        "endpoint_probes_total" + a + R"(,result="failure"} 12)"}) {
    INFO(line);
    CHECK(has_line(page, "canary_gateway_" + line));
  }
  CHECK(page.find("probes_total" + b) == std::string::npos);
  CHECK(page.find("10.0.0.1") == std::string::npos);
}

TEST_CASE("each receiver of notifications has its counts") {
  FakeGateway gateway;
  CHECK(render(gateway).find("notifications") == std::string::npos);
  gateway.receivers = {{"slack #incidents", 3, 5, 1, 2, "HTTP 503"}};
  const std::string page = render(gateway);
  const std::string total = "canary_gateway_notifications_total{receiver=\"slack #incidents\",";
  CHECK(has_line(page, total + "result=\"delivered\"} 3"));
  CHECK(has_line(page, total + "result=\"failed\"} 5"));
  CHECK(has_line(page, total + "result=\"dropped\"} 1"));
  CHECK(has_line(page, "canary_gateway_notifications_waiting{receiver=\"slack #incidents\"} 2"));
}

TEST_CASE("a refused reload, lost durability and a drain show as 0, a file held back as 1") {
  FakeGateway gateway;
  gateway.status.config.last_reload_ok = false;
  gateway.status.config.held = "it ends early";
  gateway.status.state_durable = false;
  gateway.status.draining = true;
  const std::string page = render(gateway);
  CHECK(has_line(page, "canary_gateway_config_reload_success 0"));
  CHECK(has_line(page, "canary_gateway_config_held 1"));
  CHECK(has_line(page, "canary_gateway_state_durable 0"));
  CHECK(has_line(page, "canary_gateway_ready 0"));
}

TEST_CASE("a version that leaves the configuration keeps its series") {
  FakeGateway gateway;
  make_busy(gateway);
  admin::MetricsPage metrics;
  metrics.render(gateway.backend());
  gateway.status.models[0].canary.reset();
  const std::string page = metrics.render(gateway.backend());
  CHECK(has_line(page,
                 "canary_gateway_in_flight_requests{model=\"comp-critic\","
                 "version=\"comp-critic_v2\",role=\"canary\"} 1"));
}

TEST_CASE("a criterion without samples has no value") {
  FakeGateway gateway;
  gateway.status.models[0].criteria[0].samples = 0;
  CHECK(render(gateway).find("canary_gateway_analysis_value{") == std::string::npos);
}

TEST_CASE("promtool finds nothing to complain about") {
  FakeGateway gateway;
  make_busy(gateway);
  std::FILE* promtool = ::popen("promtool check metrics 2>&1 >/dev/null && echo clean", "w");
  REQUIRE(promtool != nullptr);
  const std::string page = render(gateway);
  CHECK(std::fwrite(page.data(), 1, page.size(), promtool) == page.size());
  CHECK(::pclose(promtool) == 0);
}

TEST_CASE("every metric that is emitted is documented, and every documented one is emitted") {
  FakeGateway gateway;
  make_busy(gateway);
  const std::string page = render(gateway);
  std::ifstream file(support::source_dir() / "docs/metrics.md");
  REQUIRE(file.good());
  std::stringstream text;
  text << file.rdbuf();
  const std::string document = text.str();
  std::set<std::string> emitted, documented;
  const std::regex type("# TYPE (canary_gateway_[a-z_]+) ");
  for (std::sregex_iterator i(page.begin(), page.end(), type), end; i != end; ++i)
    emitted.insert((*i)[1]);
  const std::regex row("\\| `(canary_gateway_[a-z_]+)` \\|");
  for (std::sregex_iterator i(document.begin(), document.end(), row), end; i != end; ++i)
    documented.insert((*i)[1]);
  CHECK(emitted.size() > 15);
  CHECK(emitted == documented);
}

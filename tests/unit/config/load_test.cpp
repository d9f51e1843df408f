#include "config/load.hpp"

#include <catch2/catch.hpp>

#include "unit/config/texts.hpp"

using namespace canary;
using namespace canary::config_test;
using namespace std::chrono_literals;
using config::load;

TEST_CASE("the minimal file has every default") {
  const auto loaded = load(source_file("config/minimal.yaml"));
  INFO(said(loaded.errors));
  REQUIRE(loaded.ok());
  CHECK(loaded.warnings.empty());
  const auto& c = loaded.config;
  REQUIRE(c.data.listen.size() == 1);
  CHECK(c.data.listen[0].to_string() == "0.0.0.0:8080");
  CHECK(c.data.workers == 0);
  CHECK(c.data.timeouts == config::DataTimeouts{10s, 30s, 75s});
  CHECK(c.data.limits == config::DataLimits{64 << 10, 100, 1 << 30, 20000});
  CHECK(c.data.trusted_proxies.empty());
  CHECK(c.admin.listen.to_string() == "127.0.0.1:9901");
  CHECK(c.admin.token_file.empty());
  CHECK_FALSE(c.observe);
  CHECK_FALSE(c.access_log);
  CHECK(c.state_dir == "/var/lib/canary-gateway");
  REQUIRE(c.models.size() == 1);
  const auto& m = c.models[0];
  CHECK(m.name == "comp-critic");
  REQUIRE(m.match.size() == 1);
  CHECK(m.match[0].path_prefix == "/v1/models/comp-critic");
  CHECK(m.stable.name == "comp-critic_v1");
  REQUIRE(m.stable.endpoints.size() == 1);
  CHECK(m.stable.endpoints[0].to_string() == "http://127.0.0.1:9001");
  CHECK_FALSE(m.canary);
  CHECK(m.attempt == 1);
  CHECK(m.sticky.empty());
  CHECK_FALSE(m.override_);
  CHECK_FALSE(m.slo);
  CHECK(m.errors_also.empty());
  CHECK(m.timeouts.first_byte == 60s);
  CHECK(m.timeouts.total == 0s);
  CHECK(m.upstream.keepalive_idle == 4s);
  CHECK(m.failover);
  CHECK(m.version_header);
  CHECK_FALSE(m.stable_unproven);
  CHECK(m.success.error_rate == 0.001);
  CHECK(m.triggers.latency_p95 == 1.5);
  CHECK(m.judge.min_samples == 200);
}

TEST_CASE("the example file is read key by key") {
  const auto loaded = load(source_file("config/example.yaml"));
  INFO(said(loaded.errors));
  REQUIRE(loaded.ok());
  CHECK(loaded.warnings.size() == 2);  // of the two limits of quality
  const auto& c = loaded.config;
  CHECK(c.data.trusted_proxies.size() == 2);
  CHECK(c.admin.token_file == "/etc/canary-gateway/admin.token");
  CHECK(c.admin.allowed_hosts == std::vector<std::string>{"gateway.example.com"});
  REQUIRE(c.observe);
  CHECK(c.observe->listen.port == 9902);
  REQUIRE(c.access_log);
  CHECK(c.access_log->sample == base::full_weight);
  const auto& m = c.models.at(0);
  REQUIRE(m.match.size() == 3);
  CHECK(m.match[1].host == "critic.example.com");
  CHECK(m.match[1].header_name == "X-Model");
  CHECK(m.match[1].header_value == "comp-critic");
  CHECK(m.match[1].kserve == config::Kserve::none);
  CHECK(m.match[2].kserve == config::Kserve::v2);
  CHECK(m.match[2].served_name == "comp-critic");
  CHECK(m.stable_unproven);
  REQUIRE(m.canary);
  CHECK(m.canary->name == "comp-critic_v2");
  CHECK(m.canary->rollout_percentage == 10000);
  REQUIRE(m.sticky.size() == 4);
  CHECK(m.sticky[0].kind == config::StickySource::Kind::header);
  CHECK(m.sticky[0].name == "X-User-Id");
  CHECK(m.sticky[1].kind == config::StickySource::Kind::cookie);
  CHECK(m.sticky[2].kind == config::StickySource::Kind::query);
  CHECK(m.sticky[3].kind == config::StickySource::Kind::client_address);
  REQUIRE(m.override_);
  CHECK(m.override_->header == "X-Canary");
  CHECK(m.override_->cookie == "canary");
  REQUIRE(m.slo);
  CHECK(m.slo->latency_p95 == 200ms);
  CHECK(m.errors_also == std::vector<std::uint16_t>{404});
  CHECK(m.success.latency_p95 == 1.0);
  CHECK(m.triggers.error_rate == 0.005);
  CHECK(m.judge.window == 1min);
  CHECK(m.rollback == config::RollbackPolicy{});
  REQUIRE(m.plan);
  CHECK(*m.plan == config::Plan{});
}

TEST_CASE("all problems are told at once, in the file's order, each with its place") {
  const auto loaded = load(
      "data:\n"
      "  listen: localhost:8080\n"
      "  workers: 0\n"
      "  timeouts: { header: 10 }\n"
      "models:\n"
      "  m:\n"
      "    match: []\n"
      "    stable: { version: a b, endpoints: [\"https://x:1\"] }\n"
      "    canary:\n"
      "      version: v2\n"
      "      endpoints: [\"http://127.0.0.1:1\"]\n"
      "      rollout_percent: 10\n"
      "      rollout_percentage: 120\n"
      "    hash: launchdarkly\n");
  CHECK(
      said(loaded.errors) ==
      "f:2:11: data.listen: found a text (not shown), expected a numeric address and a port, such "
      "as "
      "0.0.0.0:8080 or [::1]:8080\n"
      "f:3:12: data.workers: found 0, expected auto or a whole number 1..256\n"
      "f:4:23: data.timeouts.header: found 10, expected a duration of 1ms..365d, such as 500ms, "
      "30s, 15m or 7d\n"
      "f:7:12: models.m.match: found [], expected at least one entry\n"
      "f:8:24: models.m.stable.version: found a text (not shown), expected a name of 1..100 "
      "letters, digits, "
      "'.', '_' and '-' that begins with a letter or digit\n"
      "f:8:41: models.m.stable.endpoints[0]: found a text (not shown), expected http://host:port; "
      "https is not supported yet\n"
      "f:12:7: models.m.canary.rollout_percent: found an unknown key, expected a known key; did "
      "you mean "
      "rollout_percentage?\n"
      "f:13:27: models.m.canary.rollout_percentage: found 120, expected a percentage 0..100, "
      "such as 10, 0.5 or 0.5%\n"
      "f:14:5: models.m.hash: found a text (not shown), expected this key left out: it is not "
      "supported "
      "yet\n");
}

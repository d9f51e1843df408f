#include "traffic/endpoint_names.hpp"

#include <catch2/catch.hpp>

#include "config/address.hpp"
#include "traffic/build_table.hpp"

using namespace canary;
using namespace canary::traffic;

namespace {

struct Fixture {
  config::Config config;
  EndpointRegistry endpoints;
  stats::Registry registry{1};
  std::shared_ptr<const RoutingTable> table;

  Fixture() {
    config::Model model;
    model.name = "m";
    model.match.push_back({"/", "", "", ""});
    model.stable = {"v1", {{"Critic.internal", 9001}, {"plain", 80}, {"tls-like", 443}}};
    model.canary.emplace();
    model.canary->name = "v2";
    model.canary->endpoints = {{"2001:db8::1", 9002}, {"10.0.0.7", 9003}};
    config.models = {model};
    build();
  }
  void build() {
    const auto lookup = [](const config::EndpointUrl& url) -> std::vector<SocketAddress> {
      if (url.host == "plain") return {numeric_address({"10.0.0.9", url.port})};
      return lookup_numeric(url);
    };
    table = build_table(config, {}, lookup, endpoints, registry, 1);
  }
  bool names(std::string_view host, std::uint16_t port, bool https = false) const {
    return names_endpoint(table->models[0], host, port, https);
  }
};

}  // namespace

TEST_CASE("an endpoint is named by its name, its address, and any spelling", "[endpoint_names]") {
  const Fixture f;
  CHECK(f.names("critic.internal", 9001));
  CHECK(f.names("CRITIC.Internal", 9001));
  CHECK(f.names("critic.internal.", 9001));
  CHECK_FALSE(f.names("critic.internal", 9002));
  CHECK_FALSE(f.names("critic.internal", 0));
  CHECK_FALSE(f.names("xcritic.internal", 9001));
  CHECK_FALSE(f.names("critic.internal.evil.example", 9001));
  CHECK_FALSE(f.names("", 9001));
  CHECK(f.names("[2001:db8::1]", 9002));
  CHECK(f.names("[2001:DB8:0:0::0:1]", 9002));
  CHECK_FALSE(f.names("[2001:db8::2]", 9002));
  CHECK(f.names("10.0.0.7", 9003));
  CHECK(f.names("[::ffff:10.0.0.7]", 9003));
  CHECK_FALSE(f.names("10.0.0.7", 9001));
  CHECK(f.names("10.0.0.9", 80));  // what the name `plain` stands for
}

TEST_CASE("an endpoint's default port need not be said", "[endpoint_names]") {
  const Fixture f;
  CHECK(f.names("plain", 0));
  CHECK(f.names("plain", 80));
  CHECK(f.names("10.0.0.9", 0));
  CHECK(f.names("plain", 0, true));  // Host says `plain`, a header says https
  CHECK(f.names("tls-like", 0, true));
  CHECK_FALSE(f.names("tls-like", 0));
  CHECK_FALSE(f.names("plain", 443, true));
}

TEST_CASE("the name that the file gives to the model server is an endpoint's, too",
          "[endpoint_names]") {
  Fixture f;
  CHECK_FALSE(f.names("models.internal", 8080));
  f.config.models[0].upstream.host = {config::UpstreamHost::Kind::name, "models.internal:8080"};
  f.build();
  CHECK(f.names("Models.internal", 8080));
  CHECK_FALSE(f.names("models.internal", 0));
  CHECK(f.table->models[0].stable.endpoints[0].host == "models.internal:8080");
  f.config.models[0].upstream.host.name = "[2001:db8::9]";
  f.build();
  CHECK(f.names("[2001:db8:0::9]", 0));
  CHECK(f.names("[2001:db8::9]", 80));
  f.config.models[0].upstream.host = {config::UpstreamHost::Kind::endpoint, ""};
  f.build();
  CHECK_FALSE(f.names("[2001:db8::9]", 0));
  CHECK(f.table->models[0].stable.endpoints[0].host == "plain");
}

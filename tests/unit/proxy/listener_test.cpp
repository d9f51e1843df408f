// How many connections are taken.
#include <catch2/catch.hpp>

#include "support/running_worker.hpp"

namespace canary::proxy {
namespace {

using namespace test;

}  // namespace

TEST_CASE("Beyond the connection limit a client waits until another has left") {
  Upstream upstream(always(ok("served")));
  config::Config config = one_model(upstream.port);
  config.data.limits.connections = 2;
  RunningWorker gateway(config);
  Client first(gateway.port), second(gateway.port);
  CHECK(first.ask(get("/")).body == "served");
  CHECK(second.ask(get("/")).body == "served");
  Client third(gateway.port);
  third.send(get("/"));
  CHECK(second.ask(get("/")).body == "served");
  CHECK(gateway.open_connections() == 2);
  first.close();
  CHECK(read_message(third).body == "served");
  CHECK(gateway.open_connections() == 2);
}

TEST_CASE("A higher connection limit takes effect with the table that brings it") {
  Upstream upstream(always(ok("served")));
  config::Config config = one_model(upstream.port);
  config.data.limits.connections = 1;
  RunningWorker gateway(config);
  Client first(gateway.port), second(gateway.port);
  CHECK(first.ask(get("/")).body == "served");
  second.send(get("/"));
  gateway.config.data.limits.connections = 2;
  gateway.install(0);
  CHECK(read_message(second).body == "served");
}

}  // namespace canary::proxy

// Several endpoints of a version on a running worker: when all are out, and when they leave.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <list>

#include "support/running_worker.hpp"

namespace canary::proxy {
namespace {

using namespace test;
using Charges = std::map<std::string, std::uint64_t>;

}  // namespace

TEST_CASE("When stable's endpoints are all out the answer is a 503 that says when to come back") {
  const RefusingPort one, two;
  config::Config config = one_model(one.port);
  config.models[0].stable.endpoints.push_back({"127.0.0.1", two.port});
  config.models[0].health.eject_after_failures = 2;
  RunningWorker gateway(config);
  Client client(gateway.port);
  for (int i = 0; i < 2; ++i) CHECK(client.ask(get("/")).status() == 502);
  for (int i = 0; i < 5; ++i) {
    const Message answer = client.ask(get("/"));
    CHECK(answer.status() == 503);
    CHECK(answer.head.find("Retry-After: 1\r\n") != std::string::npos);
    CHECK(answer.body.find("no_healthy_endpoint") != std::string::npos);
  }
  CHECK(gateway.stable().by_code == Charges{{"connect_error 0", 7}});
}

TEST_CASE("An endpoint that lives again is found by the next request, whatever the back-off") {
  config::Config config = one_model(0);
  config.models[0].health.eject_after_failures = 1;
  std::uint16_t port = 0;
  {
    const RefusingPort refusing;
    port = refusing.port;
  }
  config.models[0].stable.endpoints = {{"127.0.0.1", port}};
  RunningWorker gateway(config);
  Client client(gateway.port);
  CHECK(client.ask(get("/")).status() == 502);
  for (int i = 0; i < 20; ++i) CHECK(client.ask(get("/")).status() == 503);
  const int fd = reactor::listen_tcp(reactor::numeric_address("127.0.0.1", port), true).value();
  ::fcntl(fd, F_SETFL, 0);  // accept() waits
  client.send(get("/"));
  Wire accepted(::accept(fd, nullptr, nullptr));
  ::close(fd);
  Message request;
  REQUIRE(read_head(accepted, request));
  accepted.send(ok("back"));
  CHECK(read_message(client).body == "back");
}

TEST_CASE("A canary that is out is charged without a connect, and stable answers") {
  Upstream stable(always(ok("stable")));
  const RefusingPort canary;
  config::Config config = one_model(stable.port, canary.port);
  config.models[0].health.eject_after_failures = 1;
  RunningWorker gateway(config, 10000);
  Client client(gateway.port);
  for (int i = 0; i < 10; ++i) CHECK(client.ask(get("/")).body == "stable");
  CHECK(gateway.canary().by_code == Charges{{"connect_error 0", 10}});
  CHECK(gateway.canary().failovers == 10);
  CHECK(gateway.stable().charges() == 0);
  CHECK(gateway.stable().in_flight() + gateway.canary().in_flight() == 0);
}

TEST_CASE("A version whose names have no address is a 503, or stable's answer") {
  Upstream stable(always(ok("stable")));
  config::Config config = one_model(stable.port, 1);
  config.models[0].canary->endpoints = {{"unknown.example", 80}};
  const auto [failover, since, charge] =
      GENERATE(table<bool, base::Duration, std::string>({{true, 1s, "gateway_error 0"},
                                                         {true, 20s, "connect_error 0"},
                                                         {false, 1s, "connect_error 0"}}));
  config.models[0].failover = failover;
  RunningWorker gateway(config, 10000);
  gateway.ask([since = since](Worker& worker) {
    const traffic::Version& canary = *worker.calls().in_force().models[0].canary;
    canary.stats->requests->set_nameless_since(worker.reactor().now() - since);
  });
  const Message answer = Client(gateway.port).ask(get("/"));
  CHECK(answer.status() == (failover ? 200 : 503));
  CHECK(gateway.canary().by_code == Charges{{charge, 1}});
}

TEST_CASE("A request that connects to an endpoint that is withdrawn goes to what is there now") {
  Upstream alive(always(ok("alive")));
  FullListener withdrawn;
  config::Config config = one_model(withdrawn.port);
  config.models[0].timeouts.connect = soon;
  RunningWorker gateway(config);
  Client client(gateway.port);
  client.send(get("/"));
  REQUIRE(gateway.eventually([&] { return gateway.stable().in_flight() == 1; }));
  gateway.config.models[0].stable.endpoints = {{"127.0.0.1", alive.port}};
  gateway.install(0);
  CHECK(read_message(client).body == "alive");
  CHECK(gateway.stable().by_code == Charges{{"ok 200", 1}});
}

TEST_CASE("Connections to an endpoint that left are closed: idle ones at once, others when done") {
  const bool in_flight = GENERATE(false, true);
  Gate asked, answer, ended;
  Upstream leaving([&](Peer& peer) {
    peer.request();
    asked.open();
    if (in_flight) answer.wait();
    peer.wire.send(ok("leaving"));
    peer.wire.receive_all();
    ended.open();
  });
  Upstream other(always(ok("other")));
  RunningWorker gateway(one_model(leaving.port));
  const traffic::EndpointId id = gateway.table(0)->models[0].stable.endpoints[0].id;
  const auto idle = [&] {
    return gateway.ask([id](Worker& worker) { return worker.wires().upstreams().idle_to(id); });
  };
  Client client(gateway.port);
  client.send(get("/"));
  REQUIRE(asked.wait());
  if (!in_flight) REQUIRE(gateway.eventually([&] { return idle() == 1; }));
  gateway.config.models[0].stable.endpoints = {{"127.0.0.1", other.port}};
  gateway.install(0);
  answer.open();
  CHECK(read_message(client).body == "leaving");
  CHECK(ended.wait());
  CHECK(client.ask(get("/")).body == "other");
}

TEST_CASE("What is in flight to an endpoint is counted, and counted down however it ends") {
  Gate answer;
  Upstream upstream([&](Peer& peer) {
    peer.request();
    answer.wait();
    if (peer.index > 0) peer.wire.send(ok("ok"));
  });
  RunningWorker gateway(one_model(upstream.port));
  const traffic::EndpointId id = gateway.table(0)->models[0].stable.endpoints[0].id;
  const auto load = [&] {
    return gateway.ask(
        [id](Worker& worker) { return worker.calls().endpoints.find(id)->in_flight; });
  };
  std::list<Client> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back(gateway.port).send(get("/"));
  CHECK(gateway.eventually([&] { return load() == 4; }));
  gateway.install(0);
  CHECK(load() == 4);  // a new table changes nothing
  clients.front().close();
  CHECK(gateway.eventually([&] { return load() == 3; }));
  answer.open();
  CHECK(gateway.eventually([&] { return load() == 0; }));
}

}  // namespace canary::proxy

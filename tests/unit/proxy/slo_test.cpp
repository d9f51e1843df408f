// Latency evidence: when a request counts as slow, and whose time counts.
#include <catch2/catch.hpp>

#include <list>

#include "call/record.hpp"
#include "support/running_worker.hpp"
#include "support/streaming.hpp"

namespace canary::proxy {
namespace {

using namespace test;
using base::MonoTime;
using call::CallRecord;

config::Config with_slo(std::uint16_t port, config::Duration slo) {
  config::Config config = one_model(port);
  config.models[0].slo = config::Slo{slo, config::Slo::Of::total};
  return config;
}

/// An answer that has begun goes on for four times an SLO of 100 ms, and is not slow for it.
void outlasts_slo(RunningWorker& gateway, Client& client, Message& head, Gate& end) {
  REQUIRE(gateway.let_pass(400ms));
  CHECK(gateway.stable().over_slo == 0);
  end.open();
  read_body(client, head, Kind::response);
  CHECK(head.whole);
  CHECK(gateway.stable().over_slo == 0);
}

}  // namespace

TEST_CASE("A request that waits on its upstream counts as slow before it ends, and once") {
  Gate answer;
  Upstream upstream([&](Peer& peer) {
    peer.request();
    answer.wait();
    peer.wire.send(ok("late"));
    peer.request();
  });
  RunningWorker gateway(with_slo(upstream.port, 50ms));
  Client client(gateway.port);
  client.send(get("/"));
  REQUIRE(gateway.eventually([&] { return gateway.stable().over_trigger == 1; }));
  Recorded waiting = gateway.stable();
  CHECK(waiting.samples == 1);
  CHECK(waiting.over_slo == 1);
  CHECK(waiting.charges() == 0);
  answer.open();
  CHECK(read_message(client).body == "late");
  const Recorded done = gateway.stable();
  CHECK(done.by_outcome == std::map<std::string, std::uint64_t>{{"ok", 1}});
  CHECK(done.samples == 1);
  CHECK(done.over_slo == 1);
  CHECK(done.over_trigger == 1);
}

TEST_CASE("Every slow request counts, though they wait at once and end in different ways") {
  Gate answer;
  Upstream upstream([&](Peer& peer) {
    peer.request();
    answer.wait();
    if (peer.index % 2 == 0) peer.wire.send(ok("late"));
  });
  RunningWorker gateway(with_slo(upstream.port, 50ms));
  std::list<Client> clients;
  for (int i = 0; i < 8; ++i) clients.emplace_back(gateway.port).send(get("/"));
  REQUIRE(gateway.eventually([&] { return gateway.stable().over_trigger == 8; }));
  answer.open();
  for (Client& client : clients) CHECK(read_message(client).status() > 0);
  const Recorded done = gateway.stable();
  CHECK(done.over_slo == 8);
  CHECK(done.samples == 8);
  CHECK(done.by_outcome == std::map<std::string, std::uint64_t>{{"ok", 4}, {"reset", 4}});
}

TEST_CASE("Time that a slow client takes to read is not the version's") {
  Upstream upstream([&](Peer& peer) {
    peer.request();
    peer.wire.send(ok(std::string(1 << 20, 'x')));

    peer.request();
  });
  RunningWorker gateway(with_slo(upstream.port, 200ms));
  Client client(gateway.port, 4096);
  client.send(get("/"));
  // Blocked on the client for twice the trigger: the worker's own clock says so.
  REQUIRE(gateway.eventually([&] { return gateway.stable().started == 1; }));
  REQUIRE(gateway.let_pass(700ms));
  CHECK(gateway.stable().over_slo == 0);
  CHECK(read_message(client).body.size() == 1 << 20);
  const Recorded done = gateway.stable();
  CHECK(done.by_outcome == std::map<std::string, std::uint64_t>{{"ok", 1}});
  CHECK(done.samples == 1);
  CHECK(done.over_slo == 0);
}

TEST_CASE("Time that a client takes to send its body is not the version's") {
  Upstream upstream(always(ok("done")));
  RunningWorker gateway(with_slo(upstream.port, 100ms));
  Client client(gateway.port);
  client.send("POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 4\r\n\r\nbo");
  REQUIRE(gateway.eventually([&] { return gateway.stable().started == 1; }));
  REQUIRE(gateway.let_pass(400ms));
  client.send("dy");
  CHECK(read_message(client).body == "done");
  CHECK(gateway.stable().samples == 1);
  CHECK(gateway.stable().over_slo == 0);
}

TEST_CASE("An event stream is judged by its first byte, however long it goes on") {
  Gate end;
  Upstream upstream([&](Peer& peer) {
    peer.request();
    peer.wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
    end.wait();
  });
  RunningWorker gateway(with_slo(upstream.port, 100ms));
  Client client(gateway.port);
  client.send(get("/"));
  Message head;
  REQUIRE(read_head(client, head));
  outlasts_slo(gateway, client, head, end);
  CHECK(gateway.stable().samples == 1);
}

TEST_CASE("A request whose client chose the version is no evidence, slow or not") {
  Gate answer;
  Upstream upstream([&](Peer& peer) {
    peer.request();
    answer.wait();
    peer.wire.send("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    peer.request();
  });
  config::Config config = with_slo(upstream.port, 50ms);
  config.models[0].override_ =
      config::Override{.header = "X-Canary", .cookie = {}, .at_zero = false};
  RunningWorker gateway(config);
  Client chosen(gateway.port), drawn(gateway.port);
  chosen.send(get("/", "X-Canary: never\r\n"));
  REQUIRE(upstream.saw(1));
  drawn.send(get("/"));
  REQUIRE(gateway.eventually([&] { return gateway.stable().over_trigger >= 1; }));
  answer.open();
  CHECK(read_message(chosen).status() == 500);
  CHECK(read_message(drawn).status() == 500);
  const Recorded done = gateway.stable();
  CHECK(done.over_slo == 1);
  CHECK(done.charges() == 2);
  CHECK(done.evidence == 1);
  CHECK(done.errors == 1);
}

TEST_CASE("A body that the version does not take counts as slow, also when its client leaves") {
  Gate end;
  Upstream upstream(
      [&](Peer& peer) {
        peer.request_head();
        end.wait();
      },
      4096);
  RunningWorker gateway(with_slo(upstream.port, 50ms));
  Client client(gateway.port);
  {
    const Sending sending(client, post("/", std::string(32 << 20, 'x')));
    CHECK(gateway.eventually([&] { return gateway.stable().over_trigger == 1; }));
    client.interrupt();
  }
  client.reset();  // what it has not sent yet would hold up an orderly end
  REQUIRE(gateway.eventually([&] { return gateway.stable().charges() == 1; }));
  end.open();
  const Recorded done = gateway.stable();
  CHECK(done.by_outcome == std::map<std::string, std::uint64_t>{{"client_abort", 1}});
  CHECK(done.samples == 1);
  CHECK(done.over_slo == 1);
}

TEST_CASE("Being held up counts from where nothing moved any more, and only until something does") {
  stats::Registry registry(1);
  traffic::Model model;
  model.stable.stats = registry.version("m", "m_v1", {200ms, 300ms, false});
  const stats::LatencyCell& cell = model.stable.stats->latency->all()[0];
  MonoTime now{1h};
  CallRecord record(0, now);
  record.client_blocks(false, now);
  record.picked(model, model.stable, true);
  CHECK(record.next_age_check() == MonoTime::max());
  for (int i = 0; i < 10; ++i) {
    record.held_up(now);
    now += 150ms;
    record.held_up(now);
    record.check_age(now);
    record.goes_on();
  }
  CHECK(cell.samples.get() == 0);
  record.held_up(now);
  CHECK(record.next_age_check() == now + 200ms + 1ns);
  record.check_age(now += 201ms);
  CHECK(cell.over_slo.get() == 1);
  CHECK(cell.over_trigger.get() == 0);
  SECTION("its client's time is not the version's") {
    record.client_blocks(true, now);
    record.client_blocks(false, now += 10s);
    record.check_age(now += 50ms);
    CHECK(cell.over_trigger.get() == 0);
  }
  SECTION("what was counted is not counted again, whatever it is counted by") {
    record.goes_on();
    record.request_sent(now);
    record.check_age(now += 250ms);
    CHECK(cell.over_slo.get() == 1);
    record.check_age(now += 100ms);
    CHECK(cell.over_trigger.get() == 1);
    record.finish(stats::Outcome::ok, now, 0, 0);
    CHECK(cell.samples.get() == 1);
  }
  SECTION("another version begins anew") {
    traffic::Version canary;
    canary.stats = registry.version("m", "m_v2", {200ms, 300ms, false});
    record.picked(model, canary, true);
    record.request_sent(now);
    record.finish(stats::Outcome::ok, now += 400ms, 0, 0);
    CHECK(canary.stats->latency->all()[0].over_trigger.get() == 1);
    CHECK(canary.stats->latency->all()[0].samples.get() == 1);
  }
}

TEST_CASE("A connect that takes longer than the SLO counts as slow, though its client leaves") {
  FullListener listener;
  RunningWorker gateway(with_slo(listener.port, 50ms));
  {
    Client client(gateway.port);
    client.send(get("/"));
    CHECK(gateway.eventually([&] { return gateway.stable().over_trigger == 1; }));
  }
  REQUIRE(gateway.eventually([&] { return gateway.stable().charges() == 1; }));
  CHECK(gateway.stable().by_outcome == std::map<std::string, std::uint64_t>{{"client_abort", 1}});
  CHECK(gateway.stable().samples == 1);
}

TEST_CASE("An answer that begins before its upload ends is judged by how it began") {
  Gate streaming, end;
  Upstream upstream([&](Peer& peer) {
    peer.request_head();
    peer.wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
    peer.wire.receive_at_least(4);
    streaming.open();
    end.wait();
  });
  RunningWorker gateway(with_slo(upstream.port, 100ms));
  Client client(gateway.port);
  client.send("POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 4\r\n\r\nbo");
  Message head;
  REQUIRE(read_head(client, head));
  client.send("dy");
  REQUIRE(streaming.wait());
  outlasts_slo(gateway, client, head, end);
}

TEST_CASE("What began before the version last came to have weight is no evidence, slow or failed") {
  Gate answer;
  Upstream upstream([&](Peer& peer) {
    peer.request();
    answer.wait();
    peer.wire.send("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    peer.request();
  });
  RunningWorker gateway(with_slo(upstream.port, 200ms));
  Client client(gateway.port);
  client.send(get("/"));
  REQUIRE(upstream.saw(1));
  gateway.ask([](Worker& worker) {
    worker.calls().in_force().models[0].stable.stats->requests->begin_episode();
  });
  REQUIRE(gateway.let_pass(500ms));
  CHECK(gateway.stable().over_slo == 0);
  answer.open();
  CHECK(read_message(client).status() == 500);
  const Recorded done = gateway.stable();
  CHECK(done.by_outcome == std::map<std::string, std::uint64_t>{{"server_error", 1}});
  CHECK(done.evidence == 0);
  CHECK(done.errors == 0);
  CHECK(client.ask(get("/")).status() == 500);
  CHECK(gateway.stable().errors == 1);
}

}  // namespace canary::proxy

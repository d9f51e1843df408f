// The version ends an exchange: because of its client, or for itself.
#include <catch2/catch.hpp>

#include "support/running_worker.hpp"
#include "support/streaming.hpp"

namespace canary::proxy {
namespace {

using namespace test;
using Outcomes = std::map<std::string, std::uint64_t>;
using Ends = std::function<void(Wire&)>;

constexpr base::Duration stall = 220ms;

const std::string part = "POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 9\r\n\r\npart";
const std::string chunked_part =
    "POST / HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n";
const std::string part_1_0 = "POST / HTTP/1.0\r\nContent-Length: 9\r\n\r\npart";

void closes(Wire& wire) { wire.close(); }
void resets(Wire& wire) { wire.reset(); }
Ends answers(std::string bytes) {
  return [bytes = std::move(bytes)](Wire& wire) { wire.send(bytes); };
}
std::string failed(const std::string& status) {
  return "HTTP/1.1 " + status + " x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
}

config::Config strict_model(std::uint16_t port) {
  config::Config config = one_model(port);
  config.models[0].errors_also = {408};
  config.models[0].slo = config::Slo{50ms, config::Slo::Of::total};
  return config;
}

/// One charge, by outcome and code, which counts for nothing.
void check_clients(RunningWorker& gateway, const std::string& by_code) {
  REQUIRE(gateway.eventually([&] { return gateway.stable().charges() == 1; }));
  CHECK(gateway.stable().by_code == Outcomes{{by_code, 1}});
  CHECK(gateway.stable().evidence == 0);
  CHECK(gateway.stable().samples == 0);
  CHECK(gateway.ask([](Worker& worker) {
    return worker.calls().in_force().models[0].stable.stats->last_failure();
  }) == base::MonoTime{});
}
void check_versions(RunningWorker& gateway, const std::string& by_code) {
  REQUIRE(gateway.eventually([&] { return gateway.stable().charges() == 1; }));
  CHECK(gateway.stable().by_code == Outcomes{{by_code, 1}});
  CHECK(gateway.stable().errors == 1);
}

/// Takes the head and what there is of the body, and ends it when the gate opens.
Upstream::Script on_signal(Gate& gate, Ends end) {
  return [&gate, end = std::move(end)](Peer& peer) {
    peer.request_head();
    peer.wire.receive_at_least(4);
    gate.wait();
    end(peer.wire);
  };
}

}  // namespace

TEST_CASE("A server that gives up on a stalled upload is not charged, however it says so") {
  const std::string& request = GENERATE_REF(as<std::string>{}, part, chunked_part, part_1_0);
  const auto [name, end, by_code] = GENERATE(table<std::string, Ends, std::string>(
      {{"closes", closes, "client_abort 0"},
       {"resets", resets, "client_abort 0"},
       {"408", answers(failed("408")), "client_abort 408"},
       {"500", answers(failed("500")), "client_abort 500"},
       {"503", answers("HTTP/1.1 503 x\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\nno"),
        "client_abort 503"},
       {"half a head", answers("HTTP/1.1 200 OK\r\nCont"), "client_abort 0"},
       {"half an answer", answers("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"),
        "client_abort 200"}}));
  CAPTURE(request, name);
  Gate gives_up;
  Upstream upstream(on_signal(gives_up, end));
  RunningWorker gateway(strict_model(upstream.port));
  Client client(gateway.port);
  client.send(request);
  REQUIRE(upstream.saw(1));
  REQUIRE(gateway.let_pass(stall));
  gives_up.open();
  client.receive_all();
  check_clients(gateway, by_code);
}

TEST_CASE("A version that fails in the middle of a prompt client's upload is charged") {
  const auto [name, end, by_code] = GENERATE(table<std::string, Ends, std::string>(
      {{"closes", closes, "reset 0"},
       {"resets", resets, "reset 0"},
       {"500", answers(failed("500")), "server_error 500"},
       {"408", answers(failed("408")), "client_error 408"},
       {"half an answer", answers("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"),
        "truncated 200"}}));
  CAPTURE(name);
  Gate at_once;
  at_once.open();
  Upstream upstream(on_signal(at_once, end));
  RunningWorker gateway(strict_model(upstream.port));
  Client client(gateway.port);
  client.send(part);
  client.receive_all();
  check_versions(gateway, by_code);
}

TEST_CASE("A version that takes no more of a prompt client's upload, and resets, is charged") {
  Gate gives_up;
  Upstream upstream(
      [&](Peer& peer) {
        peer.request_head();
        gives_up.wait();
        peer.wire.reset();
      },
      4096);
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  {
    const Sending sending(client, post("/", std::string(16 << 20, 'x')));
    REQUIRE(upstream.saw(1));
    REQUIRE(gateway.let_pass(2 * stall));
    gives_up.open();
  }
  client.receive_all();
  check_versions(gateway, "reset 0");
}

TEST_CASE("A server that gives up on an upload that drips is not charged") {
  const auto [name, begun, by_code] = GENERATE(table<std::string, std::string, std::string>(
      {{"unanswered", "", "client_abort 0"},
       {"length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart", "client_abort 200"},
       {"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
        "client_abort 200"}}));
  CAPTURE(name);
  Upstream upstream([begun = begun](Peer& peer) {
    peer.request_head();
    peer.wire.receive_at_least(14);  // in the middle of a gap that alone would say nothing
    peer.wire.send(begun);
    begun.empty() ? peer.wire.reset() : peer.wire.close();
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  client.send("POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 99\r\n\r\n");
  for (int i = 0; i < 14; ++i) {
    client.send("x");
    REQUIRE(gateway.let_pass(40ms));
  }
  check_clients(gateway, by_code);
}

TEST_CASE("A whole request that a version dies of is its own, after a slow upload too") {
  Gate gives_up;
  Upstream upstream([&](Peer& peer) {
    peer.request();
    gives_up.wait();
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  client.send(part);
  REQUIRE(gateway.let_pass(stall));
  client.send("whole");
  REQUIRE(upstream.saw(1));
  REQUIRE(gateway.let_pass(2 * stall));
  gives_up.open();
  CHECK(read_message(client).status() == 502);
  check_versions(gateway, "reset 0");
}

TEST_CASE("A server that gives up on a slow reader is not charged") {
  const auto [name, head] = GENERATE(table<std::string, std::string>(
      {{"length", "Content-Length: 99999999\r\n"},
       {"chunks", "Transfer-Encoding: chunked\r\n"},
       {"events", "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"}}));
  CAPTURE(name);
  const bool reset = GENERATE(false, true);
  const bool at_first = GENERATE(false, true);  // or after it has read for a while
  Gate gives_up, stalls;
  Upstream upstream([&, head = head](Peer& peer) {
    peer.request();
    peer.wire.send("HTTP/1.1 200 OK\r\n" + head + "\r\n");
    const std::string piece = "fff0\r\ndata: " + std::string(0xfff0 - 6, 'x') + "\r\n";
    if (!at_first) {
      peer.wire.send(piece);
      stalls.wait();
    }
    const timeval limit{0, 100'000};
    ::setsockopt(peer.wire.fd(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    while (peer.wire.send(piece)) {  // up to where nobody takes it
    }
    gives_up.wait();
    if (reset) peer.wire.reset();
  });
  RunningWorker gateway(strict_model(upstream.port));
  Client client(gateway.port, 4096);
  client.send(get("/"));
  if (!at_first) {
    REQUIRE(client.receive_at_least(0xfff0));
    REQUIRE(gateway.let_pass(2 * stall));
    stalls.open();
  }
  REQUIRE(gateway.eventually([&] { return gateway.stable().started == 1; }));
  REQUIRE(gateway.let_pass(2 * stall));
  gives_up.open();
  client.receive_all();
  REQUIRE(gateway.eventually([&] { return gateway.stable().charges() == 1; }));
  CHECK(gateway.stable().by_code == Outcomes{{"client_abort 200", 1}});
  CHECK(gateway.stable().errors == 0);
}

TEST_CASE("An answer that is cut short is the version's when its client reads it") {
  const auto [name, answer] = GENERATE(table<std::string, std::string>(
      {{"length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"},
       {"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"},
       {"events",
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
        "chunked\r\n\r\n9\r\ndata: 1\n\n\r\n"}}));
  CAPTURE(name);
  const bool at_once = GENERATE(true, false);
  Gate dies;
  if (at_once) dies.open();
  Upstream upstream([&, answer = answer](Peer& peer) {
    peer.request();
    peer.wire.send(answer);
    dies.wait();
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  client.send(get("/"));
  if (!at_once) {
    REQUIRE(upstream.saw(1));
    REQUIRE(gateway.let_pass(2 * stall));
  }
  dies.open();
  client.receive_all();
  check_versions(gateway, "truncated 200");
}

TEST_CASE("A broken chunk of the version's is its own, whatever its client does") {
  Gate breaks;
  Upstream upstream([&](Peer& peer) {
    peer.request_head();
    peer.wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
    breaks.wait();
    peer.wire.send("zz\r\n");
    peer.wire.receive_all();
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  client.send(part);
  REQUIRE(upstream.saw(1));
  REQUIRE(gateway.let_pass(stall));
  breaks.open();
  client.receive_all();
  check_versions(gateway, "truncated 200");
}

TEST_CASE("A client that breaks its body after the answer has begun is why it goes no further") {
  const bool silent = GENERATE(false, true);  // the server waits for the rest, or ends at once
  Gate begun, broken;
  Upstream upstream([&](Peer& peer) {
    peer.request_head();
    peer.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
    begun.open();
    broken.wait();
    if (silent) peer.wire.receive_all();
  });
  config::Config config = one_model(upstream.port);
  config.models[0].timeouts.idle = config.data.timeouts.body_idle = soon;
  RunningWorker gateway(config);
  Client client(gateway.port);
  client.send(chunked_part);
  Message answer;
  REQUIRE(begun.wait());
  REQUIRE(read_head(client, answer));
  client.send("zz\r\n");
  REQUIRE(gateway.let_pass(50ms));
  broken.open();
  client.receive_all();
  check_clients(gateway, "client_abort 200");
}

TEST_CASE("A client that stalls does not undo a failure that it was told of") {
  Gate gives_up;
  Upstream upstream([&](Peer& peer) {
    peer.request();
    peer.wire.send("HTTP/1.1 500 Oops\r\nContent-Length: 99999999\r\n\r\n");
    const timeval limit{0, 100'000};
    ::setsockopt(peer.wire.fd(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    while (peer.wire.send(std::string(1 << 16, 'x'))) {
    }
    gives_up.wait();
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port, 4096);
  client.send(get("/"));
  REQUIRE(gateway.eventually([&] { return gateway.stable().started == 1; }));
  REQUIRE(gateway.let_pass(2 * stall));
  gives_up.open();
  client.receive_all();
  check_versions(gateway, "server_error 500");
}

}  // namespace canary::proxy

// What clients do wrong, or stop doing: never the version's fault.
#include <catch2/catch.hpp>

#include "call/record.hpp"
#include "support/running_worker.hpp"

namespace canary::proxy {
namespace {

using namespace test;
using base::MonoTime;
using call::CallRecord;

const std::string chunked_post =
    "POST / HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n";

// Reads until the gateway ends the connection, and opens the gate then.
Upstream::Script reads_on(Gate& ended, std::string first = {}) {
  return [&ended, first = std::move(first)](Peer& peer) {
    peer.request_head();
    if (!first.empty()) peer.wire.send(first);
    peer.wire.receive_all();
    ended.open();
  };
}

std::string empty_lines(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += "\r\n";
  return lines;
}

void check_not_charged(RunningWorker& gateway) {
  REQUIRE(gateway.eventually([&] { return gateway.stable().charges() > 0; }));
  const Recorded recorded = gateway.stable();
  CHECK(recorded.by_outcome == std::map<std::string, std::uint64_t>{{"client_abort", 1}});
  CHECK(recorded.evidence == 0);
  CHECK(recorded.errors == 0);
  CHECK(recorded.in_flight() == 0);
}

}  // namespace

TEST_CASE("A client that leaves takes its upstream connection with it at once") {
  const auto [name, request, first] = GENERATE(table<std::string, std::string, std::string>(
      {{"while it waits", get("/"), ""},
       {"in mid upload", "POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 9\r\n\r\npart", ""},
       {"in mid chunk", chunked_post + "9\r\npart", ""},
       {"in mid download", get("/"), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"}}));
  CAPTURE(name);
  Gate ended;
  Upstream upstream(reads_on(ended, first));
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  client.send(request);
  REQUIRE(upstream.saw(1));
  if (!first.empty()) {
    Message head;
    REQUIRE(read_head(client, head));
  }
  client.close();
  CHECK(ended.wait());
  check_not_charged(gateway);
}

TEST_CASE("A client's broken, oversized or stalled body is its own fault") {
  const auto [name, body, status, code] =
      GENERATE(table<std::string, std::string, int, std::string>(
          {{"bad chunk", "4\r\npart\r\nzz\r\n", 400, "bad_chunk"},
           {"too large", "4\r\npart\r\n20\r\n" + std::string(32, 'x') + "\r\n", 413,
            "request_too_large"},
           {"stalled", "4\r\npart\r\n", 408, "body_idle_timeout"}}));
  CAPTURE(name);
  Gate ended;
  Upstream upstream(reads_on(ended));
  config::Config config = one_model(upstream.port);
  config.data.limits.request_body = 16;
  if (status == 408) config.data.timeouts.body_idle = soon;
  RunningWorker gateway(config);
  Client client(gateway.port);
  const Message answer = client.ask(chunked_post + body);
  CHECK(answer.status() == status);
  CHECK(answer.field("Connection") == "close");
  CHECK_THAT(answer.body, Catch::Contains(code));
  CHECK(ended.wait());
  CHECK_FALSE(client.receive());
  check_not_charged(gateway);
}

TEST_CASE("A client that stalls its body is at fault also when its answer has begun") {
  const bool event_stream = GENERATE(false, true);
  Upstream upstream([&](Peer& peer) {
    peer.request_head();
    peer.wire.send(event_stream
                       ? "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: wait\n\n"
                       : "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
    while (peer.wire.receive()) peer.wire.received.clear();
  });
  config::Config config = one_model(upstream.port);
  config.models[0].timeouts.idle = config.models[0].timeouts.first_byte = soon;
  config.data.timeouts.body_idle = 2 * soon;
  RunningWorker gateway(config);
  Client client(gateway.port);
  client.send(chunked_post + "4\r\npart\r\n");
  Message answer;
  REQUIRE(read_head(client, answer));
  read_body(client, answer, Kind::response);
  CHECK_FALSE(answer.whole);
  check_not_charged(gateway);
}

TEST_CASE("An upload may take longer than timeouts.idle though its answer has begun") {
  Upstream upstream([&](Peer& peer) {
    peer.request_head();
    peer.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npart");
    while (peer.wire.received.find("0\r\n\r\n") == std::string::npos && peer.wire.receive()) {
    }
    peer.wire.send("last");
  });
  config::Config config = one_model(upstream.port);
  config.models[0].timeouts.idle = 2 * soon;
  RunningWorker gateway(config);
  Client client(gateway.port);
  client.send(chunked_post);
  for (int i = 0; i < 6; ++i) {
    REQUIRE(gateway.let_pass(soon / 2));
    client.send("4\r\npart\r\n");
  }
  client.send("0\r\n\r\n");
  CHECK(read_message(client).body == "partlast");
  REQUIRE(gateway.eventually([&] { return gateway.stable().charges() == 1; }));
  CHECK(gateway.stable().by_outcome == std::map<std::string, std::uint64_t>{{"ok", 1}});
}

TEST_CASE("With limits.request_body 0 no request has a body, whatever its framing") {
  Upstream upstream(always(ok("fine")));
  config::Config config = one_model(upstream.port);
  config.data.limits.request_body = 0;
  RunningWorker gateway(config);
  CHECK(Client(gateway.port).ask(post("/", "x")).status() == 413);
  CHECK(Client(gateway.port).ask(chunked_post + "1\r\nx\r\n0\r\n\r\n").status() == 413);
  CHECK(Client(gateway.port).ask(get("/")).body == "fine");
}

TEST_CASE("The upstream never sees an end of a body that was broken") {
  Gate ended;
  std::string seen;
  Upstream upstream([&](Peer& peer) {
    peer.request_head();
    seen = peer.wire.receive_all();
    ended.open();
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  CHECK(client.ask(chunked_post + "4\r\npart\r\nzz\r\n").status() == 400);
  REQUIRE(ended.wait());
  CHECK(seen.find("0\r\n\r\n") == std::string::npos);
}

TEST_CASE("timeouts.total is not held against the version while the client stalls its body") {
  Gate ended;
  Upstream upstream(reads_on(ended));
  config::Config config = one_model(upstream.port);
  config.models[0].timeouts.total = soon;
  RunningWorker gateway(config);
  CHECK(Client(gateway.port).ask(chunked_post + "4\r\npart\r\n").status() == 408);
  check_not_charged(gateway);
}

TEST_CASE("timeouts.total is the client's fault when it has used up the time itself") {
  struct Row {
    int head, upload, answer, slow_reader;  // ms
    bool clients;
  };
  const Row rows[] = {{0, 0, 1000, 0, false},     {900, 0, 100, 0, true},
                      {0, 900, 100, 0, true},     {0, 400, 600, 0, false},
                      {0, 0, 100, 900, true},     {200, 200, 500, 100, true},
                      {100, 100, 600, 200, false}};
  for (const Row& row : rows) {
    CAPTURE(row.head, row.upload, row.answer, row.slow_reader);
    MonoTime now{std::chrono::hours(1)};
    CallRecord record(0, now);
    const auto pass = [&](int ms) { return now += std::chrono::milliseconds(ms); };
    record.client_blocks(false, pass(row.head));
    record.client_blocks(true, now);
    record.client_blocks(false, pass(row.upload));
    record.request_sent(now);
    record.client_blocks(true, pass(row.answer));
    CHECK(record.client_took_most(pass(row.slow_reader)) == row.clients);
  }
}

TEST_CASE("A client that leaves in the middle of a failure does not undo it") {
  Gate ended;
  Upstream upstream(reads_on(ended, "HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\npart"));
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  client.send(get("/"));
  Message head;
  REQUIRE(read_head(client, head));
  client.close();
  CHECK(ended.wait());
  REQUIRE(gateway.eventually([&] { return gateway.stable().charges() > 0; }));
  CHECK(gateway.stable().by_code == std::map<std::string, std::uint64_t>{{"server_error 500", 1}});
  CHECK(gateway.stable().errors == 1);
}

TEST_CASE("Requests that do not ask the model are no evidence") {
  const std::string method = GENERATE("HEAD", "OPTIONS", "TRACE");
  Upstream upstream(always("HTTP/1.1 204 No Content\r\n\r\n"));
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  client.send(method + " /x HTTP/1.1\r\nHost: gw\r\n\r\n");
  Message head;
  REQUIRE(read_head(client, head));
  CHECK(head.status() == 204);
  REQUIRE(gateway.eventually([&] { return gateway.stable().charges() == 1; }));
  CHECK(gateway.stable().evidence == 0);
  CHECK(gateway.stable().samples == 0);
}

TEST_CASE("A client that stops reading is dropped after body_idle") {
  Gate ended;
  Upstream upstream([&](Peer& peer) {
    peer.request();
    peer.wire.send(ok(std::string(32 << 20, 'x')));
    ended.open();
  });
  config::Config config = one_model(upstream.port);
  config.data.timeouts.body_idle = soon;
  RunningWorker gateway(config);
  Client client(gateway.port, 4096);
  client.send(get("/"));
  CHECK(ended.wait());  // the gateway has closed: the send ended
  check_not_charged(gateway);
}

TEST_CASE("A request that is refused before a version is picked reaches no upstream") {
  const auto [request, status] = GENERATE(table<std::string, int>(
      {{"BAD\r\n\r\n", 400},
       {get("/", "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"), 400},
       {"GET / HTTP/1.1\r\n\r\n", 400},
       {get("/" + std::string(70 << 10, 'x')), 414},
       {get("/", "X: " + std::string(70 << 10, 'x') + "\r\n"), 431},
       {"POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 17\r\n\r\n", 413},
       {"GET / HTT", 408},
       {empty_lines(1 << 19), 400}}));
  CAPTURE(request.substr(0, 40));
  Upstream upstream(always(ok("never")));
  config::Config config = one_model(upstream.port);
  config.data.limits.request_body = 16;
  if (status == 408) config.data.timeouts.header = soon;
  RunningWorker gateway(config);
  Client client(gateway.port);
  const Message answer = client.ask(request);
  CHECK(answer.status() == status);
  CHECK(answer.field("Connection") == "close");
  CHECK(answer.field("X-Request-Id").size() == base::uuid_length);
  CHECK(answer.body.find(answer.field("X-Request-Id")) != std::string::npos);
  CHECK_FALSE(client.receive());
  CHECK(gateway.stable().started == 0);
  CHECK(upstream.connections() == 0);
}

}  // namespace canary::proxy

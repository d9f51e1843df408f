// What an upstream does, what the client gets for it, and what the version is charged with.
#include <catch2/catch.hpp>

#include "support/running_worker.hpp"

namespace canary::proxy {
namespace {

using namespace test;

struct Row {
  const char* name;
  Upstream::Script script;
  int status = 200;  // that the client gets; 0: none
  std::string body = {};
  const char* charge = "ok 200";
  bool whole = true;   // the client can tell that the answer is complete
  bool error = false;  // counts against the version
  std::string request = get("/predict");
  Kind kind = Kind::response;
  bool own = false;  // the answer is the gateway's: its body names the error by `body`
};

// Sends, then waits for the gateway to close.
Upstream::Script sends_and_stalls(std::string bytes) {
  return [bytes = std::move(bytes)](Peer& peer) {
    peer.request();
    peer.wire.send(bytes);
    peer.wire.receive_all();
  };
}

Upstream::Script sends_and_resets(std::string bytes) {
  return [bytes = std::move(bytes)](Peer& peer) {
    peer.request();
    peer.wire.send(bytes);
    peer.wire.reset();
  };
}

Upstream::Script sends_interim_without_end() {
  return [](Peer& peer) {
    peer.request();
    for (int i = 0; i < 100 && peer.wire.send("HTTP/1.1 102 Processing\r\n\r\n"); ++i) {
    }
    peer.wire.receive_all();
  };
}

Row broken(const char* name, Upstream::Script script, const char* code, const char* charge,
           int status = 502) {
  return {name, std::move(script), status,         code, charge, true,
          true, get("/x"),         Kind::response, true};
}

Row cut_off(const char* name, Upstream::Script script, const char* charge) {
  return {name, std::move(script), 200, "part", charge, false, true};
}

std::vector<Row> answers() {
  const std::string length_4 = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
  return {
      {"a length", always(length_4), 200, "body"},
      {"chunks",
       always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("body", 3)), 200,
       "body"},
      {"chunks with extensions and trailers",
       always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\nbody\r\n0\r\nT: "
              "x\r\n\r\n"),
       200, "body"},
      {"until close", once("HTTP/1.1 200 OK\r\n\r\nbody"), 200, "body"},
      {"nothing until close", once("HTTP/1.1 200 OK\r\n\r\n"), 200, ""},
      {"HTTP/1.0", once("HTTP/1.0 200 OK\r\n\r\nbody"), 200, "body"},
      {"204", always("HTTP/1.1 204 No Content\r\n\r\n"), 204, "", "ok 204"},
      {"304 with a length", always("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"), 304,
       "", "ok 304"},
      {"HEAD", always("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), 200, "", "ok 200", true,
       false, "HEAD /x HTTP/1.1\r\nHost: gw\r\n\r\n", Kind::response_to_head},
      {"404", always("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"), 404, "no",
       "client_error 404"},
      {"429", always("HTTP/1.1 429 Slow Down\r\nContent-Length: 0\r\n\r\n"), 429, "",
       "overload 429", true, true},
      {"503 with Retry-After",
       always("HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"), 503, "",
       "overload 503", true, true},
      {"503 without", always("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), 503, "",
       "server_error 503", true, true},
      {"500", always("HTTP/1.1 500 Oops\r\nContent-Length: 1\r\n\r\n!"), 500, "!",
       "server_error 500", true, true},
      {"1xx, then the answer", always("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + length_4),
       200, "body"},
  };
}

std::vector<Row> failures() {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  return {
      broken("no answer on a fresh connection", once(""), "upstream_reset", "reset 0"),
      broken("a reset", sends_and_resets(""), "upstream_reset", "reset 0"),
      broken("half a head", once("HTTP/1.1 200 OK\r\nConte"), "upstream_reset", "reset 0"),
      broken("garbage", sends_and_stalls("SSH-2.0-x\r\n"), "upstream_bad_response", "bad_output 0"),
      broken("HTTP/0.9", sends_and_stalls("<html>"), "upstream_bad_response", "bad_output 0"),
      broken("a bad length", sends_and_stalls(head + "Content-Length: x\r\n\r\n"),
             "upstream_bad_response", "bad_output 0"),
      broken("a length beside chunks",
             sends_and_stalls(head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
             "upstream_bad_response", "bad_output 0"),
      broken("a head without end", sends_and_stalls(head + "X: " + std::string(70 << 10, 'x')),
             "upstream_bad_response", "bad_output 0"),
      broken("a head too large",
             sends_and_stalls(head + "X: " + std::string(70 << 10, 'x') + "\r\n\r\n"),
             "upstream_bad_response", "bad_output 0"),
      broken("1xx without end", sends_interim_without_end(), "upstream_bad_response",
             "bad_output 0"),
      broken("101", sends_and_stalls("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
             "upstream_bad_response", "bad_output 0"),
      broken("silence", sends_and_stalls(""), "upstream_first_byte_timeout", "timeout_first_byte 0",
             504),
      cut_off("a length cut off", once(head + "Content-Length: 9\r\n\r\npart"), "truncated 200"),
      cut_off("chunks cut off", once(head + "Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"),
              "truncated 200"),
      cut_off("a bad chunk",
              sends_and_stalls(head + "Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\nzz\r\n"),
              "truncated 200"),
      cut_off("silence in mid body", sends_and_stalls(head + "Content-Length: 9\r\n\r\npart"),
              "timeout_idle 200"),
  };
}

void check(const Row& row) {
  CAPTURE(row.name);
  Upstream upstream(row.script);
  config::Config config = one_model(upstream.port);
  const std::string_view charge = row.charge;
  if (charge.starts_with("timeout_first_byte")) config.models[0].timeouts.first_byte = soon;
  if (charge.starts_with("timeout_idle")) config.models[0].timeouts.idle = soon;
  RunningWorker gateway(config);
  Client client(gateway.port);
  const Message answer = client.ask(row.request, row.kind);
  CHECK(answer.status() == row.status);
  CHECK(answer.whole == row.whole);
  CHECK(answer.field("X-Model-Version") == "m_v1");
  if (row.own)
    CHECK_THAT(answer.body, Catch::Contains("\"code\":\"" + row.body + "\""));
  else
    CHECK(answer.body == row.body);
  REQUIRE(gateway.eventually([&] { return gateway.stable().charges() > 0; }));
  const Recorded recorded = gateway.stable();
  CHECK(recorded.by_code == std::map<std::string, std::uint64_t>{{row.charge, 1}});
  CHECK(recorded.charges() == 1);
  // A HEAD does not ask the model, and a 4xx is the client's.
  const bool says_nothing =
      row.request.starts_with("HEAD") || std::string(row.charge) == "client_error 404";
  CHECK(recorded.evidence == (says_nothing ? 0 : 1));
  CHECK(recorded.errors == (row.error ? 1 : 0));
  CHECK(recorded.in_flight() == 0);
  CHECK(upstream.seen().size() == 1);
}

}  // namespace

TEST_CASE("An upstream's answer reaches the client and is charged once") {
  for (const Row& row : answers()) check(row);
}

TEST_CASE(
    "An upstream's failure is told to the client, or breaks its answer off, and charged once") {
  for (const Row& row : failures()) check(row);
}

TEST_CASE("A status of errors.also counts as an error, under its own outcome") {
  Upstream upstream(always("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
  config::Config config = one_model(upstream.port);
  config.models[0].errors_also = {404};
  RunningWorker gateway(config);
  CHECK(Client(gateway.port).ask(get("/")).status() == 404);
  CHECK(gateway.stable().by_outcome == std::map<std::string, std::uint64_t>{{"client_error", 1}});
  CHECK(gateway.stable().errors == 1);
}

TEST_CASE("A refused connection is a 502, one that is not accepted in time a 504") {
  const RefusingPort refusing;
  const FullListener full;
  const bool refused = GENERATE(true, false);
  config::Config config = one_model(refused ? refusing.port : full.port);
  config.models[0].timeouts.connect = soon;
  RunningWorker gateway(config);
  const Message answer = Client(gateway.port).ask(get("/"));
  CHECK(answer.status() == (refused ? 502 : 504));
  CHECK_THAT(answer.body, Catch::Contains(refused ? "connect_failed" : "connect_timeout"));
  const std::string charge = refused ? "connect_error 0" : "timeout_connect 0";
  CHECK(gateway.stable().by_code == std::map<std::string, std::uint64_t>{{charge, 1}});
  CHECK(gateway.stable().errors == 1);
  CHECK(gateway.stable().in_flight() == 0);
}

TEST_CASE("timeouts.total ends an answer that trickles, and one that never comes") {
  Upstream upstream([&](Peer& peer) {
    const bool silent = peer.request().start_line().starts_with("GET /silent");
    if (!silent) peer.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\np");
    peer.wire.receive_all();
  });
  config::Config config = one_model(upstream.port);
  config.models[0].timeouts.total = soon;
  RunningWorker gateway(config);
  const Message trickled = Client(gateway.port).ask(get("/trickle"));
  CHECK(trickled.status() == 200);
  CHECK_FALSE(trickled.whole);
  const Message silent = Client(gateway.port).ask(get("/silent"));
  CHECK(silent.status() == 504);
  CHECK_THAT(silent.body, Catch::Contains("upstream_total_timeout"));
  CHECK(gateway.stable().by_code ==
        std::map<std::string, std::uint64_t>{{"timeout_total 0", 1}, {"timeout_total 200", 1}});
  CHECK(gateway.stable().in_flight() == 0);
}

}  // namespace canary::proxy

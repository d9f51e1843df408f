// A call over a wire without sockets: what it makes of what its client and its model servers do,
// and of how long they take. Time moves when told, so nothing here waits.
#include "call/call.hpp"

#include <catch2/catch.hpp>

#include "support/memory_wire.hpp"

namespace canary::call {
namespace {

using namespace test;
using Charges = std::map<std::string, std::uint64_t>;

const std::string get_x = "GET /x HTTP/1.1\r\nHost: gw\r\n\r\n";
const std::string post_x = "POST /x HTTP/1.1\r\nHost: gw\r\nContent-Length: 4\r\n\r\n";
const std::string endless = "POST /x HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n";

config::Config both() { return one_model(MemoryWorker::stable_port, MemoryWorker::canary_port); }
config::Config stable_only() { return one_model(MemoryWorker::stable_port); }

}  // namespace

TEST_CASE("An answer goes to the client, its stream back to the pool, and is charged once") {
  MemoryWorker worker(stable_only());
  MemoryClient& client = worker.ask(post_x, "body");
  worker.begin();
  REQUIRE(client.streams.size() == 1);
  CHECK(worker.stream().asked == "POST /x");
  CHECK(worker.stream().in.bytes == "body");
  CHECK(client.waits_for_reply());
  worker.stream().answers(200, "hello");
  client.event();
  REQUIRE(worker.done());
  CHECK(client.status == 200);
  CHECK(client.out.bytes == "hello");
  CHECK(client.model_version == "m_v1");
  CHECK(client.finished);
  CHECK(client.upload_at_end == Upload::done);
  CHECK(worker.stream().given_back);
  CHECK_FALSE(worker.stream().discarded);
  const Recorded seen = worker.stable();
  CHECK(seen.by_code == Charges{{"ok 200", 1}});
  CHECK(seen.received == 4);
  CHECK(seen.sent == 5);
  CHECK(seen.in_flight() == 0);
}

TEST_CASE("What an upstream's answer is charged as, and whether it counts as an error") {
  struct Row {
    std::uint16_t status;
    const char* charge;
    bool error;
  };
  const Row row = GENERATE(values<Row>({{204, "ok 204", false},
                                        {404, "client_error 404", false},
                                        {418, "client_error 418", true},  // by errors.also
                                        {429, "overload 429", true},
                                        {500, "server_error 500", true},
                                        {503, "server_error 503", true}}));
  config::Config config = stable_only();
  config.models[0].errors_also = {418};
  MemoryWorker worker(config);
  MemoryClient& client = worker.ask(get_x);
  worker.begin();
  worker.stream().answers(row.status, "");
  client.event();
  CHECK(client.status == row.status);
  CHECK(worker.stable().by_code == Charges{{row.charge, 1}});
  CHECK(worker.stable().errors == (row.error ? 1 : 0));
}

TEST_CASE("Stable answers for a canary that cannot be reached, which is charged") {
  struct Row {
    int connects;
    const char* charge;
  };
  const Row row = GENERATE(values<Row>({{ECONNREFUSED, "connect_error 0"},
                                        {EPROTO, "bad_output 0"},
                                        {EINPROGRESS, "timeout_connect 0"}}));
  config::Config config = both();
  config.models[0].timeouts.connect = soon;
  MemoryWorker worker(config, 10000);
  MemoryClient& client = worker.ask(get_x);
  client.connects[MemoryWorker::canary_port] = row.connects;
  worker.begin();
  if (row.connects == EINPROGRESS) worker.pass(soon);
  REQUIRE(client.streams.size() == 2);
  CHECK(worker.stream().port == MemoryWorker::stable_port);
  CHECK(client.streams.front().discarded);
  worker.stream().answers(200, "stable");
  client.event();
  CHECK(client.out.bytes == "stable");
  CHECK(client.model_version == "m_v1");
  CHECK(worker.canary().by_code == Charges{{row.charge, 1}});
  CHECK(worker.canary().failovers == 1);
  CHECK(worker.stable().charges() == 0);  // one request, one charge
  CHECK(worker.stable().in_flight() == 0);
}

TEST_CASE("Nobody answers for a canary where the file says so, or when the gateway lacks means") {
  const bool lacks_means = GENERATE(false, true);
  config::Config config = both();
  config.models[0].failover = lacks_means;
  MemoryWorker worker(config, 10000);
  MemoryClient& client = worker.ask(get_x);
  client.connects[MemoryWorker::canary_port] = lacks_means ? EMFILE : ECONNREFUSED;
  worker.begin();
  REQUIRE(worker.done());
  CHECK(client.status == (lacks_means ? 503 : 502));
  CHECK(client.code == (lacks_means ? "out_of_resources" : "upstream_connect_failed"));
  CHECK(worker.canary().by_code ==
        Charges{{lacks_means ? "gateway_error 0" : "connect_error 0", 1}});
}

TEST_CASE("A kept stream that ends without a word is tried again once, on a new one") {
  struct Row {
    const char* what;
    const std::string& request;
    bool reused, over, again;
  };
  const Row row = GENERATE(values<Row>({{"GET", get_x, true, true, true},
                                        {"on a new stream", get_x, false, true, false},
                                        {"POST", post_x, true, true, false},
                                        {"more to come", endless, true, false, false}}));
  CAPTURE(row.what);
  MemoryWorker worker(stable_only());
  MemoryClient& client = worker.ask(row.request, "", row.over);
  MemoryStream& first = client.streams.emplace_back(MemoryWorker::stable_port, 0);
  if (row.reused) first.serves_next();
  client.idle = &first;
  worker.begin();
  first.out.broken = true;
  client.event();
  CHECK(worker.done() == !row.again);
  CHECK(first.discarded);
  CHECK(client.streams.size() == (row.again ? 2 : 1));
  if (row.again) {
    CHECK(worker.stream().asked == "GET /x");
    worker.stream().serves_next();  // it makes no difference
    worker.stream().out.broken = true;
    client.event();
  }
  REQUIRE(worker.done());
  CHECK(client.status == 502);
  CHECK(client.code == "upstream_reset");
  CHECK(worker.stable().charges() == 1);
  CHECK(worker.stable().in_flight() == 0);
}

TEST_CASE("A request that no byte was taken of on a kept stream is nobody's error") {
  const auto fate = GENERATE(UpstreamStream::Fate::untouched, UpstreamStream::Fate::answered);
  MemoryWorker worker(stable_only());
  MemoryClient& client = worker.ask(post_x, "body");
  MemoryStream& kept = client.streams.emplace_back(MemoryWorker::stable_port, 0);
  kept.serves_next();
  kept.became = fate;
  client.idle = &kept;
  worker.begin();
  kept.out.broken = true;
  client.event();
  const bool untouched = fate == UpstreamStream::Fate::untouched;
  CHECK(worker.stable().by_code == Charges{{untouched ? "gateway_error 0" : "reset 0", 1}});
}

TEST_CASE("An answer that breaks off reaches nobody as whole, and is charged") {
  struct Row {
    bool head;
    int how;  // 0: cut, 1: bad, 2: unasked, 3: the client leaves, 4: the worker ends
    const char* charge;
  };
  const Row row = GENERATE(values<Row>({{false, 0, "reset 0"},
                                        {true, 0, "truncated 200"},
                                        {false, 1, "bad_output 0"},
                                        {false, 2, "bad_output 0"},
                                        {false, 3, "client_abort 0"},
                                        {true, 3, "client_abort 200"},
                                        {false, 4, "gateway_error 0"},
                                        {true, 4, "gateway_error 200"}}));
  CAPTURE(row.head, row.how);
  MemoryWorker worker(stable_only());
  MemoryClient& client = worker.ask(get_x);
  worker.begin();
  MemoryStream& stream = worker.stream();
  if (row.head) {
    stream.says(200);
    stream.out.bytes = "part";
    client.event();
  }
  stream.out.broken = row.how == 0;
  if (row.how == 1) stream.bad = "no HTTP";
  stream.unasked = row.how == 2;
  client.left = row.how == 3;
  client.resume(row.how == 4 ? Woken::shutdown : Woken::event);
  REQUIRE(worker.done());
  CHECK(client.aborted == row.head);
  CHECK(client.finished == (!row.head && row.how < 3));
  CHECK(stream.discarded);
  CHECK(worker.stable().by_code == Charges{{row.charge, 1}});
}

TEST_CASE("Each wait has its deadline, and each deadline its answer and its charge") {
  struct Row {
    const char* what;
    const char* code;
    const char* charge;
    int status;
  };
  const Row row = GENERATE(values<Row>({
      {"first byte", "upstream_first_byte_timeout", "timeout_first_byte 0", 504},
      {"idle", "upstream_idle_timeout", "timeout_idle 0", 504},
      {"total", "upstream_total_timeout", "timeout_total 0", 504},
      {"body idle", "body_idle_timeout", "client_abort 0", 408},
      {"pace", "body_too_slow", "client_abort 0", 408},
  }));
  const std::string what = row.what;
  CAPTURE(what);
  config::Config config = stable_only();
  config::Model& model = config.models[0];
  if (what == "first byte") model.timeouts.first_byte = 2s;
  if (what == "idle") model.timeouts.idle = 2s;
  if (what == "total") model.timeouts.total = 2s;
  if (what == "body idle") config.data.timeouts.body_idle = 2s;
  if (what == "pace") config.data.limits.min_rate = 100;
  MemoryWorker worker(config);
  const bool whole = what == "first byte" || what == "total";
  MemoryClient& client = worker.ask(whole ? get_x : endless, whole ? "" : "some", whole);
  if (what == "idle") {  // a server that takes nothing
    MemoryStream& full = client.streams.emplace_back(MemoryWorker::stable_port, 0);
    full.in.room = 0;
    client.idle = &full;
  }
  worker.begin();
  for (int i = 0; what == "pace" && i < 59; ++i) {  // it dribbles
    worker.pass(1s);
    REQUIRE_FALSE(worker.done());
    client.in.bytes += "x";
    client.event();
  }
  worker.pass(1900ms);
  if (what != "pace") REQUIRE_FALSE(worker.done());
  worker.pass(100ms);
  REQUIRE(worker.done());
  CHECK(client.code == row.code);
  CHECK(client.status == row.status);
  CHECK(worker.stable().by_code == Charges{{row.charge, 1}});
}

TEST_CASE("An answer that goes on has deadlines as well: of its version, and of its client") {
  const bool slow_client = GENERATE(false, true);
  config::Config config = stable_only();
  config.models[0].timeouts.idle = 2s;
  config.data.timeouts.body_idle = 3s;
  MemoryWorker worker(config);
  MemoryClient& client = worker.ask(get_x);
  if (slow_client) client.out.room = 2;
  worker.begin();
  worker.stream().says(200);
  worker.stream().out.bytes = "part";
  client.event();
  worker.pass(1999ms);
  CHECK_FALSE(worker.done());
  worker.pass(1ms);
  CHECK(worker.done() == !slow_client);
  if (slow_client) worker.pass(1s);
  REQUIRE(worker.done());
  CHECK(client.aborted);
  const char* charge = slow_client ? "client_abort 200" : "timeout_idle 200";
  CHECK(worker.stable().by_code == Charges{{charge, 1}});
}

TEST_CASE("An early answer is delivered while the request's body still comes") {
  const bool goes_on = GENERATE(false, true);
  MemoryWorker worker(stable_only());
  MemoryClient& client = worker.ask(endless, "so", false);
  worker.begin();
  MemoryStream& stream = worker.stream();
  CHECK(stream.in.bytes == "so");
  stream.says(200);
  stream.out.bytes = "early";
  client.event();
  CHECK(client.out.bytes == "early");
  if (goes_on) {
    client.in.bytes = " far";
    client.in.over = true;
    client.event();
    CHECK(stream.in.bytes == "so far");
  }
  stream.out.over = true;
  client.event();
  REQUIRE(worker.done());
  CHECK(client.finished);
  CHECK(client.upload_at_end == (goes_on ? Upload::done : Upload::under_way));
  CHECK(worker.stable().by_code == Charges{{"ok 200", 1}});
}

TEST_CASE("A body that is too large or cut short ends the request, and is the client's doing") {
  const bool cut = GENERATE(false, true);
  MemoryWorker worker(stable_only());
  MemoryClient& client = worker.ask(endless, "12345", false);
  MemoryStream& stream = client.streams.emplace_back(MemoryWorker::stable_port, 0);
  if (!cut) stream.body_limit = 4;
  client.in.broken = cut;
  client.idle = &stream;
  worker.begin();
  REQUIRE(worker.done());
  CHECK(client.status == (cut ? 0 : 413));
  CHECK(stream.discarded);
  CHECK(worker.stable().by_code == Charges{{"client_abort 0", 1}});
}

TEST_CASE("Interim answers pass, up to a number") {
  const int count = GENERATE(1, 17);
  MemoryWorker worker(stable_only());
  MemoryClient& client = worker.ask(get_x);
  worker.begin();
  for (int i = 0; i < count; ++i) worker.stream().says(103);
  worker.stream().answers(200, "final");
  client.event();
  REQUIRE(worker.done());
  CHECK(client.interims.size() == static_cast<std::size_t>(std::min(count, 16)));
  CHECK(client.status == (count == 1 ? 200 : 502));
}

TEST_CASE("A pick is made again when the table has changed while a connect waited") {
  MemoryWorker worker(both(), 0);
  MemoryClient& client = worker.ask(get_x);
  client.connects[MemoryWorker::stable_port] = EINPROGRESS;
  worker.begin();
  REQUIRE(client.parked());
  worker.install(10000);
  worker.stream().connects = 0;
  client.event();
  CHECK(client.streams.front().given_back);  // sound, and nobody's yet
  CHECK(worker.stream().port == MemoryWorker::canary_port);
  CHECK(worker.stream().asked == "GET /x");  // the head has outlived the wait
  worker.stream().answers(200, "new");
  client.event();
  CHECK(worker.canary().by_code == Charges{{"ok 200", 1}});
  CHECK(worker.stable().in_flight() == 0);
}

TEST_CASE("An event stream's latency is that of its first event, not of its head") {
  config::Config config = stable_only();
  config.models[0].slo.emplace().latency_p95 = 1s;
  MemoryWorker worker(config);
  MemoryClient& client = worker.ask(get_x);
  worker.begin();
  worker.stream().says(200, "text/event-stream; charset=utf-8");
  worker.stream().out.bytes = ": wait\n\n";
  client.event();
  worker.pass(2s);
  worker.stream().out.bytes = "data: 1\n\n";
  worker.stream().out.over = true;
  client.event();
  REQUIRE(worker.done());
  CHECK(client.out.bytes == ": wait\n\ndata: 1\n\n");
  CHECK(worker.stable().over_slo == 1);
}

TEST_CASE("After a 101 bytes pass both ways until both sides have ended theirs") {
  MemoryWorker worker(stable_only());
  MemoryClient& client =
      worker.ask("GET /x HTTP/1.1\r\nHost: gw\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
  client.in.over = true;
  worker.begin();
  MemoryStream& stream = worker.stream();
  client.in.over = false;  // of the tunnel
  const std::string switched =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
  REQUIRE_FALSE(stream.heads.emplace_back().parse(switched, false, {}));
  client.in.bytes = "up";
  stream.out.bytes = "down";
  client.event();
  CHECK(client.status == 101);
  CHECK(client.out.bytes == "down");
  CHECK(stream.in.bytes == "up");
  client.in.over = stream.out.over = true;
  client.event();
  REQUIRE(worker.done());
  CHECK(client.out.over);
  CHECK(stream.in.over);
  CHECK(worker.stable().by_code == Charges{{"ok 101", 1}});
}

}  // namespace canary::call

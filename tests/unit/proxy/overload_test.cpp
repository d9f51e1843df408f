// A version that has as much in flight as it may.
#include <catch2/catch.hpp>

#include "support/running_worker.hpp"

namespace canary::proxy {
namespace {

using namespace test;
using Charges = std::map<std::string, std::uint64_t>;

/// Answers when the test says so.
class Slow {
 public:
  Upstream::Script script() {
    return [this](Peer& peer) {
      while (!peer.request().head.empty()) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, patience, [this] { return open_; })) return;
        peer.wire.send(ok("slow"));
      }
    };
  }
  void answer() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

config::Config limited(std::uint16_t stable, std::uint16_t canary = 0, std::uint32_t most = 1) {
  config::Config config = one_model(stable, canary);
  config.models[0].upstream.max_in_flight = most;
  return config;
}

std::uint64_t shed(RunningWorker& gateway, const std::string& version) {
  std::uint64_t sum = 0;
  const auto table = gateway.table(0);
  const auto& model = table->models[0];
  const auto& of = model.stable.name == version ? model.stable : *model.canary;
  for (const auto& cell : of.stats->requests->all()) sum += cell.shed.get();
  return sum;
}

}  // namespace

TEST_CASE("One request more than max_in_flight is refused at once, as nobody's error") {
  Slow slow;
  Upstream upstream(slow.script());
  RunningWorker gateway(limited(upstream.port, 0, 2));
  Client first(gateway.port), second(gateway.port), third(gateway.port);
  first.send(get("/"));
  second.send(get("/"));
  REQUIRE(upstream.saw(2));
  const Message refused = third.ask(get("/"));
  CHECK(refused.status() == 503);
  CHECK(refused.field("Retry-After") == "1");
  CHECK(refused.field("X-Model-Version") == "m_v1");
  CHECK(refused.field("Connection") == "(none)");
  CHECK(refused.body.find("\"overloaded\"") != std::string::npos);
  CHECK(refused.body.find("m_v1 has as many requests in flight") != std::string::npos);
  CHECK(gateway.stable().in_flight() == 2);
  CHECK(upstream.connections() == 2);
  slow.answer();
  CHECK(read_message(first).body == "slow");
  CHECK(read_message(second).body == "slow");
  CHECK(third.ask(get("/")).body == "slow");
  const Recorded stable = gateway.stable();
  CHECK(stable.by_outcome == Charges{{"gateway_error", 1}, {"ok", 3}});
  CHECK(stable.evidence == 3);
  CHECK(stable.errors == 0);
  CHECK(stable.in_flight() == 0);
  CHECK(shed(gateway, "m_v1") == 1);
}

TEST_CASE("A connection outlives the refusal when the body is small enough to be read over") {
  struct Row {
    std::string what, request, later;
    bool goes_on;
  };
  const std::string begun = "POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 9\r\n\r\nfour";
  const std::string large = "POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 65537\r\n\r\n";
  const std::string coded = "POST / HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::vector<Row> rows = {
      {"no body", get("/"), "", true},
      {"a body in hand", post("/", "some"), "", true},
      {"a body on its way", begun, "later", true},
      {"64 KiB", post("/", std::string(64 << 10, 'x')), "", true},
      {"chunks in hand", coded + chunked("four", 2), "", true},
      {"chunks on their way", coded + "4\r\nfo", "ur\r\n0\r\n\r\n", true},
      {"more than is read over", large, "", false},
      {"chunks without end", coded + "20000\r\n" + std::string(0x20000, 'x') + "\r\n", "", false},
      {"broken chunks", coded + "x\r\n", "", false},
      {"a body that is kept back", post("/", "", "Expect: 100-continue\r\n"), "", true},
      {"a body that waits to be asked for",
       "POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n", "",
       false},
  };
  Slow slow;
  Upstream upstream(slow.script());
  RunningWorker gateway(limited(upstream.port));
  Client busy(gateway.port);
  busy.send(get("/"));
  REQUIRE(upstream.saw(1));
  for (const Row& row : rows) {
    INFO(row.what);
    Client client(gateway.port);
    client.send(row.request);
    CHECK(read_message(client).status() == 503);
    client.send(row.later);
    client.send(get("/again"));
    const Message next = read_message(client);
    CHECK((next.head.empty() ? 0 : next.status()) == (row.goes_on ? 503 : 0));
  }
  slow.answer();
  CHECK(read_message(busy).body == "slow");
  CHECK(upstream.seen().size() == 1);
  CHECK(gateway.stable().in_flight() == 0);
}

TEST_CASE("What is too much for the canary is not put on stable, and the other way round") {
  Slow slow;
  Upstream stable(always(ok("stable"))), canary(slow.script());
  RunningWorker gateway(limited(stable.port, canary.port), 10000);
  Client first(gateway.port), second(gateway.port);
  first.send(get("/"));
  REQUIRE(canary.saw(1));
  const Message refused = second.ask(get("/"));
  CHECK(refused.status() == 503);
  CHECK(refused.field("X-Model-Version") == "m_v2");
  CHECK(stable.connections() == 0);
  gateway.install(0);
  CHECK(second.ask(get("/")).body == "stable");
  slow.answer();
  CHECK(read_message(first).body == "slow");
  CHECK(gateway.canary().by_outcome == Charges{{"gateway_error", 1}, {"ok", 1}});
  CHECK(gateway.canary().evidence == 1);
  CHECK(gateway.canary().failovers == 0);
  CHECK(shed(gateway, "m_v2") == 1);
  CHECK(shed(gateway, "m_v1") == 0);
}

TEST_CASE("A failover to a stable that is full is refused; the charge stays the canary's") {
  Slow slow;
  Upstream stable(slow.script());
  std::uint16_t refused_port = 0;
  const int holder = bind_loopback(-1, refused_port);
  RunningWorker gateway(limited(stable.port, refused_port));
  Client first(gateway.port), second(gateway.port);
  first.send(get("/"));
  REQUIRE(stable.saw(1));
  gateway.install(10000);
  const Message refused = second.ask(get("/"));
  CHECK(refused.status() == 503);
  CHECK(refused.body.find("\"overloaded\"") != std::string::npos);
  slow.answer();
  CHECK(read_message(first).body == "slow");
  CHECK(gateway.canary().by_outcome == Charges{{"connect_error", 1}});
  CHECK(gateway.stable().by_outcome == Charges{{"ok", 1}});
  CHECK(gateway.stable().in_flight() == 0);
  CHECK(shed(gateway, "m_v1") == 1);
  ::close(holder);
}

TEST_CASE("A limit that comes with a reload counts what was in flight before") {
  Slow slow;
  Upstream upstream(slow.script());
  RunningWorker gateway(limited(upstream.port, 0, 0));
  Client first(gateway.port), second(gateway.port);
  first.send(get("/"));
  REQUIRE(upstream.saw(1));
  gateway.config.models[0].upstream.max_in_flight = 1;
  gateway.install(0);
  CHECK(second.ask(get("/")).status() == 503);
  gateway.config.models[0].upstream.max_in_flight = 0;
  gateway.install(0);
  slow.answer();
  CHECK(second.ask(get("/")).body == "slow");
  CHECK(read_message(first).body == "slow");
}

}  // namespace canary::proxy

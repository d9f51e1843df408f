// Clients that send or take a byte now and then, and those whose link is slow.
#include "call/client_pace.hpp"

#include <catch2/catch.hpp>

#include "support/memory_wire.hpp"

namespace canary::call {
namespace {

using namespace test;
using Charges = std::map<std::string, std::uint64_t>;

MonoTime at(base::Duration time) { return MonoTime(time); }

config::Config impatient() {
  config::Config config = one_model(MemoryWorker::stable_port);
  config.data.timeouts.body_idle = 2s;
  return config;
}

}  // namespace

TEST_CASE("A window's rate decides, not the pauses within it") {
  const ClientPace::Rule rule{240, 30s};
  ClientPace pace;
  pace.begin(at(100s), 1000);
  CHECK(pace.due(rule) == at(130s));
  CHECK(pace.keeps_up(rule, at(129s), 1000));  // its last second may bring all
  CHECK(pace.keeps_up(rule, at(130s), 1000 + 240 * 30));
  CHECK(pace.due(rule) == at(160s));
  CHECK_FALSE(pace.keeps_up(rule, at(160s), 1000 + 240 * 60 - 1));  // what was early is spent
}

TEST_CASE("A short patience is no short window, and a rate of 0 is none") {
  ClientPace pace;
  pace.begin(at(1s), 0);
  CHECK(pace.due({240, 300ms}) == at(6s));
  CHECK(pace.due({0, 300ms}) == MonoTime::max());
  CHECK(pace.keeps_up({0, 300ms}, at(1000s), 0));
}

TEST_CASE("A body that dribbles is the client's fault and frees its place; a slow link passes") {
  const bool dribbles = GENERATE(true, false);
  CAPTURE(dribbles);
  MemoryWorker worker(impatient());
  MemoryClient& client =
      worker.ask("POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 60000\r\n\r\n", "", false);
  worker.begin();
  for (int second = 0; second < 60 && !worker.done(); ++second) {
    client.in.bytes += std::string(dribbles ? 20 : 1000, 'x');
    client.in.over = second == 59;
    client.event();
    worker.pass(1s);
  }
  if (!worker.done()) {
    worker.stream().answers(200, "whole");
    client.event();
  }
  REQUIRE(worker.done());
  CHECK(client.code == (dribbles ? "body_too_slow" : ""));
  CHECK(client.out.bytes == (dribbles ? "" : "whole"));
  CHECK(worker.stable().by_code == Charges{{dribbles ? "client_abort 0" : "ok 200", 1}});
  CHECK(worker.stable().in_flight() == 0);
}

TEST_CASE("A reader that takes a byte now and then is dropped; one that takes it slowly is not") {
  const bool dribbles = GENERATE(true, false);
  CAPTURE(dribbles);
  MemoryWorker worker(impatient());
  MemoryClient& client = worker.ask("GET / HTTP/1.1\r\nHost: gw\r\n\r\n");
  client.out.room = 0;
  worker.begin();
  worker.stream().answers(200, std::string(60'000, 'x'));
  client.event();
  for (int second = 0; second < 60 && !worker.done(); ++second) {
    client.out.room += dribbles ? 20 : 1000;
    client.event();
    if (!worker.done()) worker.pass(1s);
  }
  REQUIRE(worker.done());
  CHECK(client.aborted == dribbles);
  CHECK(worker.stable().by_code == Charges{{dribbles ? "client_abort 200" : "ok 200", 1}});
}

}  // namespace canary::call

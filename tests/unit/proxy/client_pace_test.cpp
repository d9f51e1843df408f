// Clients that send or take a byte now and then, and those whose link is slow.
#include <catch2/catch.hpp>

#include "call/client_pace.hpp"
#include "support/running_worker.hpp"

namespace canary::proxy {
namespace {

using namespace test;
using base::MonoTime;
using call::ClientPace;

MonoTime at(base::Duration time) { return MonoTime(time); }

/// Sends a piece of a request's body every 50 ms until it is whole, or an answer comes.
Message drip(RunningWorker& gateway, std::size_t total, std::size_t piece) {
  Client client(gateway.port);
  client.send("POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: " + std::to_string(total) +
              "\r\n\r\n");
  for (std::size_t sent = 0; sent < total && client.quiet_for(50ms); sent += piece)
    client.send(std::string(piece, 'x'));
  return read_message(client);
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
  Gate ended;
  Upstream upstream([&](Peer& peer) {
    const Message request = peer.request();
    if (request.body.size() == 3000) peer.wire.send(ok("whole"));
    peer.wire.receive_all();
    ended.open();
  });
  config::Config config = one_model(upstream.port);
  config.data.timeouts.body_idle = 2s;
  config.models[0].upstream.max_in_flight = 2;
  RunningWorker gateway(config);
  Message honest;
  std::thread slow_link([&] { honest = drip(gateway, 3000, 25); });  // 500 bytes per second
  const Message answer = drip(gateway, 1'000'000, 1);
  slow_link.join();
  CHECK(answer.status() == 408);
  CHECK(answer.body.find("body_too_slow") != std::string::npos);
  CHECK(answer.body.find("limits.min_rate") != std::string::npos);
  CHECK(honest.body == "whole");
  CHECK(gateway.stable().by_outcome ==
        std::map<std::string, std::uint64_t>{{"client_abort", 1}, {"ok", 1}});
  CHECK(gateway.stable().errors == 0);
  CHECK(gateway.stable().in_flight() == 0);
}

TEST_CASE("A reader that takes a byte now and then is dropped; one that takes it slowly is not") {
  constexpr std::size_t size = 4 << 20;
  Upstream upstream(always(ok(std::string(size, 'x'))));
  config::Config config = one_model(upstream.port);
  config.data.timeouts.body_idle = 2s;
  const bool dribbles = GENERATE(true, false);
  CAPTURE(dribbles);
  RunningWorker gateway(config);
  Client reader(gateway.port, 4096);
  reader.send(get("/"));
  Client clock(gateway.port);  // asks for nothing, and is asked for nothing
  const auto begin = std::chrono::steady_clock::now();
  const auto charged = [&] { return gateway.stable().charges() > 0; };
  while (!charged() && std::chrono::steady_clock::now() - begin < 10s) {
    reader.receive(dribbles ? 10 : 2000);
    clock.quiet_for(100ms);
  }
  CHECK(charged() == dribbles);
  CHECK(reader.received.size() < size);
}

}  // namespace canary::proxy

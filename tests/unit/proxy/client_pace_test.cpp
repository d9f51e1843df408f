// A client that takes a byte now and then: what its kernel has taken of an answer is its pace.
#include <catch2/catch.hpp>

#include "support/running_worker.hpp"

namespace canary::proxy {
namespace {

using namespace test;

}  // namespace

TEST_CASE("A reader is as fast as its kernel acknowledges, and dropped when that is too slow") {
  constexpr std::size_t size = 4 << 20;
  Upstream upstream(always(ok(std::string(size, 'x'))));
  config::Config config = one_model(upstream.port);
  config.data.timeouts.body_idle = 2s;
  RunningWorker gateway(config);
  Client reader(gateway.port, 4096);
  reader.send(get("/"));
  Client clock(gateway.port);  // asks for nothing, and is asked for nothing
  const auto begin = std::chrono::steady_clock::now();
  const auto charged = [&] { return gateway.stable().charges() > 0; };
  while (!charged() && std::chrono::steady_clock::now() - begin < 10s) {
    reader.receive(10);
    clock.quiet_for(100ms);
  }
  CHECK(charged());
  CHECK(reader.received.size() < size);
}

}  // namespace canary::proxy

// What happens when there is no descriptor left.
#include <catch2/catch.hpp>

#include <optional>

#include "base/descriptors.hpp"
#include "support/descriptor_limit.hpp"
#include "support/running_worker.hpp"

// UBSan needs a descriptor of its own to look at an object of a type that it has not seen before.
#ifdef __has_feature
#define CANARY_UBSAN __has_feature(undefined_behavior_sanitizer)
#else
#define CANARY_UBSAN 0
#endif
#if !CANARY_UBSAN

namespace canary::proxy {
namespace {

using namespace test;

std::uint64_t accept_errors(RunningWorker& gateway) {
  return gateway.ask([](Worker& worker) { return worker.counters().accept_errors.get(); });
}

}  // namespace

TEST_CASE("Out of descriptors, accepting backs off, and goes on when there are some again") {
  Upstream upstream(always(ok("served")));
  RunningWorker gateway(one_model(upstream.port));
  Client before(gateway.port);
  CHECK(before.ask(get("/")).body == "served");
  CHECK(accept_errors(gateway) == 0);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Wire late(fd);
  std::uint64_t errors = 0, served = 0;
  bool failed = false;
  const auto begin = std::chrono::steady_clock::now();
  {
    const support::DescriptorLimit none(static_cast<rlim_t>(base::next_descriptor()));
    const sockaddr_in address = loopback(gateway.port);
    ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    failed = gateway.eventually([&] { return accept_errors(gateway) >= 2; });
    for (int i = 0; i < 200; ++i) served += before.ask(get("/")).body == "served";
    errors = accept_errors(gateway);
  }
  const auto tenths = (std::chrono::steady_clock::now() - begin) / 100ms;
  CHECK(failed);
  CHECK(served == 200);
  CHECK(errors <= static_cast<std::uint64_t>(tenths) + 2);  // ten tries per second, and no loop
  late.send(get("/"));
  CHECK(read_message(late).body == "served");
}

TEST_CASE("Out of descriptors for an upstream is the gateway's own fault, and no failover") {
  Upstream stable(always(ok("stable"))), canary(always(ok("canary")));
  RunningWorker gateway(one_model(stable.port, canary.port));
  Client client(gateway.port);
  CHECK(client.ask(get("/")).body == "stable");
  gateway.install(10000);
  gateway.ask([](Worker& worker) { worker.wires().upstreams().clear(); });
  REQUIRE(stable.ended(1));
  Message answer;
  {
    const support::DescriptorLimit none(static_cast<rlim_t>(base::next_descriptor()));
    answer = client.ask(get("/"));
  }
  CHECK(answer.status() == 503);
  CHECK(answer.field("Retry-After") == "1");
  CHECK(gateway.canary().by_outcome == std::map<std::string, std::uint64_t>{{"gateway_error", 1}});
  CHECK(gateway.stable().started == 1);
}

TEST_CASE("Out of descriptors, an idle connection to a model server gives way to a request") {
  Upstream stable(always(ok("stable"))), canary(always(ok("canary")));
  RunningWorker gateway(one_model(stable.port, canary.port));
  Client client(gateway.port);
  CHECK(client.ask(get("/")).body == "stable");
  gateway.install(10000);
  Message answer;
  {
    const support::DescriptorLimit none(static_cast<rlim_t>(base::next_descriptor()));
    answer = client.ask(get("/"));
  }
  CHECK(answer.body == "canary");
}

TEST_CASE("However many connect, the last descriptors are left to others and to requests") {
  Upstream upstream(always(ok("served")));
  RunningWorker gateway(one_model(upstream.port));
  Client before(gateway.port);
  CHECK(before.ask(get("/")).body == "served");
  // The process has both ends of each connection; those of the clients come first, below the limit.
  std::vector<int> clients;
  for (int i = 0; i < 64; ++i) clients.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto limit = static_cast<std::size_t>(base::next_descriptor()) + 40;
  std::optional<support::DescriptorLimit> few(limit);
  const sockaddr_in address = loopback(gateway.port);
  for (const int fd : clients)
    ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const auto turned_away = [&] {
    return gateway.ask([](Worker& worker) { return worker.counters().turned_away.get(); });
  };
  const bool enough = gateway.eventually([&] { return turned_away() > 0; });
  std::vector<int> served;
  for (int i = 0; i < 20; ++i) {
    gateway.ask([](Worker& worker) { worker.wires().upstreams().clear(); });
    served.push_back(before.ask(get("/")).status());
  }
  const int next = base::next_descriptor();
  for (const int fd : clients) ::close(fd);
  const bool recovered = gateway.eventually([&] { return gateway.open_connections() == 1; });
  const int after = Client(gateway.port).ask(get("/")).status();
  few.reset();
  CHECK(enough);
  CHECK(next <= base::share_descriptors(limit).upstreams);
  CHECK(served == std::vector<int>(20, 200));
  CHECK(recovered);
  CHECK(after == 200);
}

TEST_CASE("A reactor takes as many descriptors as it says") {
  const std::size_t before = base::open_descriptors();
  const reactor::Reactor reactor;
  CHECK(base::open_descriptors() == before + reactor::Reactor::descriptors);
}

}  // namespace canary::proxy

#endif

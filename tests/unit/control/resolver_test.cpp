#include "control/resolver.hpp"

#include <arpa/inet.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <mutex>

using namespace canary;
using namespace canary::control;

namespace {

traffic::SocketAddress address(const char* text) {
  config::EndpointUrl url;
  url.host = text;
  return traffic::lookup_numeric(url);
}

config::EndpointUrl url(const char* host, std::uint16_t port = 80) {
  config::EndpointUrl made;
  made.host = host;
  made.port = port;
  return made;
}

std::uint16_t port_of(const traffic::SocketAddress& address) {
  return ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port);
}

template <class Condition>
void run_until(boost::asio::io_context& io, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) FAIL("the awaited event did not come");
    io.restart();
    io.run_one_for(std::chrono::milliseconds(50));
  }
}

}  // namespace

TEST_CASE("numeric addresses need no asking") {
  boost::asio::io_context io;
  std::atomic<int> asked{0};
  Resolver resolver(
      io, [] {},
      [&](const std::string&) {
        ++asked;
        return std::optional<traffic::SocketAddress>();
      });
  bool done = false;
  resolver.use({url("127.0.0.1", 9001), url("[::1]", 9002)}, [&](const auto& unresolved) {
    CHECK(unresolved.empty());
    done = true;
  });
  CHECK(done);
  CHECK(asked == 0);
  CHECK(port_of(resolver.lookup(url("127.0.0.1", 9001))) == 9001);
}

TEST_CASE(
    "a name is asked once, and serves every port; an unknown one is named and has no address") {
  boost::asio::io_context io;
  std::atomic<int> asked{0};
  Resolver resolver(
      io, [] {},
      [&](const std::string& host) {
        ++asked;
        if (host == "known") return std::optional(address("10.1.2.3"));
        return std::optional<traffic::SocketAddress>();
      });
  std::optional<std::vector<std::string>> unresolved;
  resolver.use({url("known", 1), url("known", 2), url("unknown")},
               [&](auto names) { unresolved = std::move(names); });
  CHECK_FALSE(unresolved);
  run_until(io, [&] { return unresolved.has_value(); });
  CHECK(*unresolved == std::vector<std::string>{"unknown"});
  CHECK(asked == 2);
  CHECK(port_of(resolver.lookup(url("known", 1))) == 1);
  CHECK(port_of(resolver.lookup(url("known", 2))) == 2);
  CHECK(resolver.lookup(url("unknown")).length == 0);
  // Both are known to have been asked: the next use waits for nobody.
  bool again = false;
  resolver.use({url("known"), url("unknown")}, [&](const auto&) { again = true; });
  CHECK(again);
}

TEST_CASE("a name that does not answer holds nobody up, and its late answer is told") {
  boost::asio::io_context io;
  auto gate = std::make_shared<std::promise<void>>();
  int changes = 0;
  Resolver resolver(
      io, [&] { ++changes; },
      [gate](const std::string&) {
        gate->get_future().wait();
        return std::optional(address("10.9.9.9"));
      });
  std::optional<std::vector<std::string>> unresolved;
  resolver.use({url("slow")}, [&](auto names) { unresolved = std::move(names); });
  run_until(io, [&] { return unresolved.has_value(); });
  CHECK(unresolved->size() == 1);
  gate->set_value();
  run_until(io, [&] { return changes == 1; });
  CHECK(resolver.lookup(url("slow")).length != 0);
}

TEST_CASE("a resolver may end while its question is still out") {
  boost::asio::io_context io;
  auto gate = std::make_shared<std::promise<void>>();
  auto asked = std::make_shared<std::promise<void>>();
  {
    Resolver resolver(
        io, [] {},
        [gate, asked](const std::string&) {
          asked->set_value();
          gate->get_future().wait();
          return std::optional(address("10.9.9.9"));
        });
    resolver.use({url("slow")}, [](const auto&) {});
    asked->get_future().wait();
  }
  gate->set_value();
  io.restart();
  io.poll();
  SUCCEED("nothing of the resolver was touched after its end");
}

TEST_CASE("the system's resolver knows localhost") {
  const auto found = Resolver::ask_system("localhost");
  REQUIRE(found);
  CHECK(found->length > 0);
}

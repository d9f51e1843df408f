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
  return traffic::numeric_address(url);
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

using Answer = base::Result<Resolver::Addresses>;

Answer addresses(std::initializer_list<const char*> texts) {
  Resolver::Addresses out;
  for (const char* text : texts) out.push_back(address(text));
  return out;
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
        return Answer(base::Error("NXDOMAIN"));
      });
  bool done = false;
  resolver.use({url("127.0.0.1", 9001), url("[::1]", 9002)}, [&](const auto& unresolved) {
    CHECK(unresolved.empty());
    done = true;
  });
  CHECK(done);
  CHECK(asked == 0);
  CHECK(port_of(resolver.lookup(url("127.0.0.1", 9001)).at(0)) == 9001);
}

TEST_CASE(
    "a name is asked once, and serves every port; an unknown one is named and has no address") {
  boost::asio::io_context io;
  std::atomic<int> asked{0};
  Resolver resolver(
      io, [] {},
      [&](const std::string& host) {
        ++asked;
        if (host == "known") return addresses({"10.1.2.3"});
        return Answer(base::Error("NXDOMAIN"));
      });
  std::optional<std::vector<std::string>> unresolved;
  resolver.use({url("known", 1), url("known", 2), url("unknown")},
               [&](auto names) { unresolved = std::move(names); });
  CHECK_FALSE(unresolved);
  run_until(io, [&] { return unresolved.has_value(); });
  CHECK(*unresolved == std::vector<std::string>{"unknown"});
  CHECK(asked == 2);
  CHECK(port_of(resolver.lookup(url("known", 1)).at(0)) == 1);
  CHECK(port_of(resolver.lookup(url("known", 2)).at(0)) == 2);
  CHECK(resolver.lookup(url("unknown")).empty());
  CHECK(resolver.problem(url("unknown")) == "NXDOMAIN");
  CHECK(resolver.problem(url("known")).empty());
  // Both are known to have been asked: the next use waits for nobody.
  bool again = false;
  resolver.use({url("known"), url("unknown")}, [&](const auto&) { again = true; });
  CHECK(again);
}

TEST_CASE("a name without an address is asked again soon, however rarely the others are") {
  boost::asio::io_context io;
  std::atomic<int> asked{0}, known{0};
  int changes = 0;
  Resolver resolver(
      io, [&] { ++changes; },
      [&](const std::string& host) {
        if (host == "known") {
          ++known;
          return addresses({"10.1.2.3"});
        }
        return ++asked < 2 ? Answer(base::Error("Temporary failure")) : addresses({"10.1.2.4"});
      });
  resolver.refresh_every(std::chrono::hours(24));
  resolver.use({url("late"), url("known")}, [](const auto&) {});
  run_until(io, [&] { return changes == 1; });
  CHECK(asked == 2);
  CHECK(known == 1);
  CHECK(resolver.lookup(url("late")) == *addresses({"10.1.2.4"}));
}

TEST_CASE("a name that does not answer holds nobody up, and its late answer is told") {
  boost::asio::io_context io;
  auto gate = std::make_shared<std::promise<void>>();
  int changes = 0;
  Resolver resolver(
      io, [&] { ++changes; },
      [gate](const std::string&) {
        gate->get_future().wait();
        return addresses({"10.9.9.9"});
      });
  std::optional<std::vector<std::string>> unresolved;
  resolver.use({url("slow")}, [&](auto names) { unresolved = std::move(names); });
  run_until(io, [&] { return unresolved.has_value(); });
  CHECK(unresolved->size() == 1);
  gate->set_value();
  run_until(io, [&] { return changes == 1; });
  CHECK(resolver.lookup(url("slow")).size() == 1);
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
          return addresses({"10.9.9.9"});
        });
    resolver.use({url("slow")}, [](const auto&) {});
    asked->get_future().wait();
  }
  gate->set_value();
  io.restart();
  io.poll();
  SUCCEED("nothing of the resolver was touched after its end");
}

TEST_CASE("every address counts, whatever the order; no answer and an empty one keep the last") {
  boost::asio::io_context io;
  std::mutex mutex;
  Answer answer = addresses({"10.0.0.2", "10.0.0.1", "10.0.0.2"});
  int asked = 0, changes = 0;
  Resolver resolver(
      io, [&] { ++changes; },
      [&](const std::string&) {
        const std::lock_guard lock(mutex);
        ++asked;
        return answer;
      });
  // Until an answer to a question that was asked after this has come.
  const auto answer_with = [&](Answer next) {
    const std::lock_guard lock(mutex);
    answer = std::move(next);
    asked = 0;
  };
  const auto asked_twice = [&] {
    const std::lock_guard lock(mutex);
    return asked > 1;
  };
  bool known = false;
  resolver.use({url("name")}, [&](const auto&) { known = true; });
  run_until(io, [&] { return known; });
  CHECK(resolver.lookup(url("name")) == addresses({"10.0.0.1", "10.0.0.2"}).value());

  resolver.refresh_every(std::chrono::milliseconds(5));
  answer_with(addresses({"10.0.0.1", "10.0.0.2"}));
  run_until(io, asked_twice);
  CHECK(changes == 0);
  answer_with(Answer(base::Error("timed out")));
  run_until(io, [&] { return !resolver.problem(url("name")).empty(); });
  answer_with(addresses({}));
  run_until(io, [&] { return resolver.problem(url("name")) == "it has no address"; });
  CHECK(resolver.lookup(url("name")).size() == 2);
  CHECK(changes == 0);
  answer_with(addresses({"10.0.0.3", "10.0.0.1"}));
  run_until(io, [&] { return changes == 1; });
  CHECK(resolver.lookup(url("name")) == addresses({"10.0.0.1", "10.0.0.3"}).value());
  CHECK(resolver.problem(url("name")).empty());
}

TEST_CASE("a name that is slow to answer holds up no other, and is not asked twice at once") {
  boost::asio::io_context io;
  auto gate = std::make_shared<std::promise<void>>();
  auto slow_asked = std::make_shared<std::atomic<int>>(0);
  auto others = std::make_shared<std::atomic<int>>(0);
  Resolver resolver(
      io, [] {},
      [gate, slow_asked, others, opened = gate->get_future().share()](const std::string& host) {
        if (host == "slow") {
          ++*slow_asked;
          opened.wait();
        } else {
          ++*others;
        }
        return addresses({"10.0.0.1"});
      });
  resolver.use({url("slow"), url("quick")}, [](const auto&) {});
  resolver.refresh_every(std::chrono::milliseconds(1));
  run_until(io, [&] { return *others > 20; });
  CHECK(*slow_asked == 1);
  gate->set_value();
}

TEST_CASE("a name has no more addresses than the gateway can care for") {
  boost::asio::io_context io;
  Resolver resolver(
      io, [] {},
      [](const std::string&) {
        Resolver::Addresses many;
        for (std::uint32_t i = 0; i < 1000; ++i) {
          many.push_back(address("10.0.0.0"));
          reinterpret_cast<sockaddr_in&>(many.back().storage).sin_addr.s_addr = htonl(i + 1);
        }
        return Answer(many);
      });
  bool known = false;
  resolver.use({url("many")}, [&](const auto&) { known = true; });
  run_until(io, [&] { return known; });
  CHECK(resolver.lookup(url("many")).size() == 256);
}

TEST_CASE("what fails is asked ever less often, and what is answered as often as before") {
  boost::asio::io_context io;
  std::atomic<int> unknown{0}, known{0};
  Resolver resolver(
      io, [] {},
      [&](const std::string& host) {
        if (host == "known") {
          ++known;
          return addresses({"10.1.2.3"});
        }
        ++unknown;
        return Answer(base::Error("NXDOMAIN"));
      });
  resolver.refresh_every(std::chrono::milliseconds(20));
  resolver.use({url("unknown"), url("known")}, [](const auto&) {});
  run_until(io, [&] { return known > 60; });
  // 20, 40, 80 and then every 120 ms (six refreshes): a slow machine only takes known's time.
  CHECK(unknown >= 3);
  CHECK(unknown < known / 2);
}

TEST_CASE("the system's resolver is asked where no other is given") {
  // A numeric address, which getaddrinfo gives back: a bare machine has no hosts file and no DNS.
  const auto found = Resolver::system()("127.0.0.1");
  REQUIRE(found.has_value());
  REQUIRE(found->size() == 1);
  const auto& only = reinterpret_cast<const sockaddr_in&>(found->front().storage);
  CHECK(only.sin_family == AF_INET);
  CHECK(ntohl(only.sin_addr.s_addr) == INADDR_LOOPBACK);
}

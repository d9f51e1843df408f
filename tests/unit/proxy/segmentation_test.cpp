// However the bytes of a connection are cut on their way, both ends see the same.
#include <catch2/catch.hpp>
#include <random>

#include "support/running_worker.hpp"

namespace canary::proxy {
namespace {

using namespace test;

constexpr int rounds = 60;

void send_cut(Wire& wire, std::string_view bytes, std::mt19937& random) {
  while (!bytes.empty()) {
    const std::size_t most =
        random() % 4 == 0 ? bytes.size() : std::min<std::size_t>(8, bytes.size());
    const std::size_t size = 1 + random() % most;
    if (!wire.send(bytes.substr(0, size))) return;
    bytes.remove_prefix(size);
    if (random() % 8 == 0) std::this_thread::yield();
  }
}

std::string head_without_date(const Message& message) {
  std::string head = message.head;
  const auto date = head.find("Date: ");
  if (date != std::string::npos) head.erase(date, head.find("\r\n", date) + 2 - date);
  return head;
}

const std::string requests =
    get("/1", "X-Request-Id: 1\r\n") + "\r\n" +
    post("/2", std::string(3000, 'b'), "X-Request-Id: 2\r\nConnection: X-A\r\nX-A: 1\r\n") +
    "POST /3 HTTP/1.1\r\nHost: gw\r\nX-Request-Id: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5;a=\"b\"\r\nhello\r\n7\r\n, world\r\n0\r\nHost: evil\r\n\r\n" +
    get("/4", "X-Request-Id: 4\r\nConnection: close\r\n");

const std::string answers[] = {
    ok("plain"),
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a\r\nabc\r\n4\r\ndefg\r\n0\r\nX: "
    "y\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n" + ok(std::string(5000, 'c')),
    "HTTP/1.1 404 Not Found\r\n\r\nuntil the end",
};

}  // namespace

TEST_CASE("However requests and answers are cut, both ends see the same, over real sockets") {
  std::atomic<std::uint32_t> seed = 1;
  Upstream upstream([&](Peer& peer) {
    std::mt19937 random(seed.load());
    for (Message request; !(request = peer.request()).head.empty();) {
      const std::string& answer = answers[static_cast<std::size_t>(
          request.start_line().at(request.start_line().find('/') + 1) - '1')];
      send_cut(peer.wire, answer, random);
      if (answer.ends_with("the end")) return;
    }
  });
  RunningWorker gateway(one_model(upstream.port));
  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    seed = static_cast<std::uint32_t>(round) + 1;
    std::mt19937 random(seed.load());
    Client client(gateway.port);
    send_cut(client, requests, random);
    std::vector<Message> got;
    for (int i = 0; i < 4; ++i) got.push_back(read_message(client));
    CHECK_FALSE(client.receive());
    CHECK(got[0].body == "plain");
    CHECK(got[1].body == "abcdefg");
    CHECK(got[2].body == std::string(5000, 'c'));
    CHECK(got[3].body == "until the end");
    static std::vector<std::string> first_heads;
    const auto seen = upstream.seen();
    REQUIRE(seen.size() == static_cast<std::size_t>(round + 1) * 4);
    CHECK(seen[seen.size() - 3].body == std::string(3000, 'b'));
    CHECK(seen[seen.size() - 2].body == "hello, world");
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(got[i].whole);
      CHECK(seen[seen.size() - 4 + i].head == seen[i].head);
      if (round == 0) first_heads.push_back(head_without_date(got[i]));
      CHECK(head_without_date(got[i]) == first_heads[i]);
    }
  }
  CHECK(gateway.stable().by_code ==
        std::map<std::string, std::uint64_t>{{"client_error 404", rounds}, {"ok 200", 3 * rounds}});
}

}  // namespace canary::proxy

#include "net/http_server.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <future>

#include "support/descriptor_limit.hpp"
#include "support/raw_client.hpp"

using namespace canary;
using namespace std::chrono_literals;
using test::RawClient;
using test::RunningServer;

namespace {

// Says back what it was asked.
void echo(const net::HttpRequest& request, net::Respond respond) {
  net::HttpResponse response;
  response.content_type = "text/plain";
  response.body = request.method + " " + request.path + " [" + request.query + "] " + request.body;
  respond(response);
}

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

}  // namespace

TEST_CASE("a request is answered with its parts, and the connection is kept") {
  RunningServer server(echo);
  RawClient client(server.port);
  client.send(get("/a/b?c=d"));
  const std::string first = client.read_answer();
  CHECK(first.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"));
  CHECK(first.ends_with("\r\n\r\nGET /a/b [c=d] "));
  CHECK(first.find("Connection: close") == std::string::npos);
  client.send("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  CHECK(client.read_answer().ends_with("PUT /x [] abc"));
}

TEST_CASE("pipelined requests are answered in order") {
  RunningServer server(echo);
  RawClient client(server.port);
  client.send(get("/1") + get("/2") + "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string all = client.read_to_end();
  const auto one = all.find("GET /1"), two = all.find("GET /2"), three = all.find("GET /3");
  CHECK(one < two);
  CHECK(two < three);
  CHECK(three != std::string::npos);
}

TEST_CASE("a chunked body is put together, and 100 Continue is sent when asked for") {
  RunningServer server(echo);
  RawClient client(server.port);
  client.send(
      "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
      "Expect: 100-continue\r\n\r\n");
  CHECK(client.read_answer() == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
  CHECK(client.read_answer().ends_with("PUT /x [] abc"));
}

TEST_CASE("HEAD gets the head alone") {
  RunningServer server(echo);
  RawClient client(server.port);
  client.send("HEAD /h HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string answer = client.read_to_end();
  CHECK(answer.find("Content-Length: 11\r\n") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n"));
}

TEST_CASE("unsound requests are refused and the connection is closed") {
  struct Row {
    std::string what, bytes;
    int status;
  };
  const std::vector<Row> rows = {
      {"garbage", "garbage\r\n\r\n", 400},
      {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"a target that is no path", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a fragment", "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"an unknown coding", "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400},
      {"both framings",
       "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: xchunked\r\n\r\na",
       400},
      {"chunked in HTTP/1.0",
       "PUT / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"a head of 20 KiB",
       "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20 << 10, 'x') + "\r\n\r\n", 431},
      {"a body of 2 MiB by its length",
       "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2097152\r\n\r\n", 413},
      {"a body of 2 MiB in chunks",
       "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" +
           std::string(2 << 20, 'b') + "\r\n0\r\n\r\n",
       413},
  };
  RunningServer server(echo);
  for (const auto& row : rows) {
    INFO(row.what);
    RawClient client(server.port);
    client.send(row.bytes);
    const std::string answer = client.read_to_end();
    CHECK(answer.starts_with("HTTP/1.1 " + std::to_string(row.status) + " "));
    CHECK(answer.find("Connection: close\r\n") != std::string::npos);
    CHECK(answer.find("{\"error\":{\"code\":") != std::string::npos);
  }
}

TEST_CASE("an answer may come later, and only the first one counts") {
  std::promise<net::Respond> handed;
  RunningServer server(
      [&](const net::HttpRequest&, net::Respond respond) { handed.set_value(std::move(respond)); });
  RawClient client(server.port);
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  auto respond = handed.get_future().get();
  boost::asio::post(server.io, [respond = std::move(respond)] {
    net::HttpResponse first, second;
    first.body = "first";
    second.body = "second";
    respond(first);
    respond(second);
  });
  const std::string answer = client.read_to_end();
  CHECK(answer.ends_with("\r\n\r\nfirst"));
}

TEST_CASE("a handler that drops its Respond, or throws, answers 500") {
  const bool throws = GENERATE(false, true);
  RunningServer server([&](const net::HttpRequest&, net::Respond) {
    if (throws) throw std::runtime_error("a bug");
  });
  RawClient client(server.port);
  client.send(get("/"));
  CHECK(client.read_answer().starts_with("HTTP/1.1 500 "));
}

TEST_CASE("a handler that never answers is cut off with 504") {
  net::ServerLimits limits;
  limits.answer = 20ms;
  std::vector<net::Respond> kept;
  RunningServer server(
      [&](const net::HttpRequest&, net::Respond respond) { kept.push_back(std::move(respond)); },
      limits);
  RawClient client(server.port);
  client.send(get("/"));
  CHECK(client.read_answer().starts_with("HTTP/1.1 504 "));
  boost::asio::post(server.io, [&] { kept.clear(); });
}

TEST_CASE("a request that is not sent in time, and an idle connection, are closed") {
  net::ServerLimits limits;
  limits.request = 30ms;
  limits.idle = 30ms;
  RunningServer server(echo, limits);
  const std::string begun = GENERATE(std::string(), std::string("GET / HT"),
                                     std::string("PUT / HTTP/1.1\r\nHost: a\r\n"
                                                 "Content-Length: 9\r\n\r\nabc"));
  RawClient client(server.port);
  client.send(begun);
  CHECK(client.read_to_end().empty());
  RawClient idle(server.port);
  idle.send(get("/"));
  CHECK(idle.read_answer().starts_with("HTTP/1.1 200 "));
  CHECK(idle.read_to_end().empty());
}

TEST_CASE("beyond its limit of connections the server gives up the longest idle one") {
  net::ServerLimits limits;
  limits.connections = 2;
  RunningServer server(echo, limits);
  RawClient oldest(server.port), second(server.port);
  oldest.send(get("/"));
  REQUIRE(oldest.read_answer().starts_with("HTTP/1.1 200 "));
  second.send(get("/"));
  REQUIRE(second.read_answer().starts_with("HTTP/1.1 200 "));
  RawClient third(server.port);
  third.send(get("/"));
  CHECK(third.read_answer().starts_with("HTTP/1.1 200 "));
  CHECK(oldest.read_to_end().empty());
  second.send(get("/"));
  CHECK(second.read_answer().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("beyond its limit who sends slowly goes, the slowest first, but after the idle ones") {
  net::ServerLimits limits;
  limits.connections = 3;
  RunningServer server(echo, limits);
  const auto begin = [](RawClient& client) {
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n");
    REQUIRE(client.read_answer().starts_with("HTTP/1.1 100 "));
  };
  RawClient slowest(server.port);
  begin(slowest);
  RawClient slow(server.port);
  begin(slow);
  RawClient idle(server.port);
  idle.send(get("/"));
  REQUIRE(idle.read_answer().starts_with("HTTP/1.1 200 "));
  RawClient first(server.port);
  begin(first);
  CHECK(idle.read_to_end().empty());
  RawClient second(server.port);
  begin(second);
  CHECK(slowest.read_to_end().empty());
  slow.send("ninebytes");
  CHECK(slow.read_answer().ends_with("ninebytes"));
}

TEST_CASE("close ends idle connections and lets a request in hand be answered") {
  std::promise<net::Respond> handed;
  RunningServer server([&](const net::HttpRequest& request, net::Respond respond) {
    if (request.path == "/slow") return handed.set_value(std::move(respond));
    echo(request, std::move(respond));
  });
  RawClient idle(server.port), busy(server.port);
  idle.send(get("/"));
  REQUIRE(idle.read_answer().starts_with("HTTP/1.1 200 "));
  busy.send(get("/slow"));
  auto respond = handed.get_future().get();
  server.close();
  CHECK(idle.read_to_end().empty());
  boost::asio::post(server.io, [respond = std::move(respond)] { respond({}); });
  CHECK(busy.read_to_end().find("Connection: close\r\n") != std::string::npos);
  CHECK_THROWS(RawClient(server.port));
}

TEST_CASE("a port that is taken is an error that names the address") {
  RunningServer server(echo);
  boost::asio::io_context io;
  auto second = net::HttpServer::listen(io, "127.0.0.1", server.port, echo);
  REQUIRE(second.has_error());
  CHECK(second.error().message() ==
        "cannot listen on 127.0.0.1:" + std::to_string(server.port) + ": Address already in use");
  CHECK(net::HttpServer::listen(io, "not-an-address", 0, echo).has_error());
}

TEST_CASE("a header with a line break in it is not sent") {
  RunningServer server([](const net::HttpRequest&, net::Respond respond) {
    net::HttpResponse response;
    response.headers = {{"X-Evil", "a\r\nSet-Cookie: b"}, {"X-Good", "c"}};
    respond(response);
  });
  RawClient client(server.port);
  client.send(get("/"));
  const std::string answer = client.read_answer();
  CHECK(answer.find("Set-Cookie") == std::string::npos);
  CHECK(answer.find("X-Good: c\r\n") != std::string::npos);
}

TEST_CASE("out of descriptors, one more client is still answered") {
  RunningServer server(echo);
  RawClient client;  // has its descriptor, is not connected yet
  const support::DescriptorLimit low(64);
  std::vector<int> taken;
  for (int copy = ::dup(0); copy >= 0; copy = ::dup(0)) taken.push_back(copy);
  CHECK(errno == EMFILE);
  client.connect(server.port);
  client.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(client.read_to_end().ends_with("GET /x [] "));
  for (const int copy : taken) ::close(copy);
}

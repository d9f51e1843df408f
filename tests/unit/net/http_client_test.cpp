#include "net/http_client.hpp"

#include <boost/asio/read_until.hpp>
#include <catch2/catch.hpp>

#include "net/url.hpp"
#include "support/raw_client.hpp"

using namespace canary;
using namespace std::chrono_literals;
using test::RunningServer;

namespace {

std::string url(unsigned short port, const std::string& rest) {
  return "http://127.0.0.1:" + std::to_string(port) + rest;
}

// A peer that accepts one connection, says `bytes` after the request's head, and closes.
class ScriptedPeer {
 public:
  explicit ScriptedPeer(std::string bytes, bool close = true)
      : thread_([this, bytes = std::move(bytes), close] {
          boost::asio::ip::tcp::socket socket(io_);
          acceptor_.accept(socket);
          std::string request;
          boost::system::error_code code;
          boost::asio::read_until(socket, boost::asio::dynamic_buffer(request), "\r\n\r\n", code);
          boost::asio::write(socket, boost::asio::buffer(bytes), code);
          if (!close) boost::asio::read(socket, boost::asio::dynamic_buffer(request), code);
        }) {}
  ~ScriptedPeer() { thread_.join(); }
  unsigned short port() const { return acceptor_.local_endpoint().port(); }

 private:
  boost::asio::io_context io_;
  boost::asio::ip::tcp::acceptor acceptor_{io_, {boost::asio::ip::make_address("127.0.0.1"), 0}};
  std::thread thread_;
};

}  // namespace

TEST_CASE("an exchange carries method, target, headers and body both ways") {
  RunningServer server([](const net::HttpRequest& request, net::Respond respond) {
    net::HttpResponse response;
    response.status = 409;
    response.body = request.method + " " + request.path + "?" + request.query + " " +
                    std::string(request.header("x-token")) + " " + request.body;
    response.headers = {{"X-Answer", "yes"}};
    respond(response);
  });
  auto answer =
      net::http_exchange({"PUT", url(server.port, "/flags/m?x=1"), "{}", {{"X-Token", "t"}}}, 5s);
  REQUIRE(answer.has_value());
  CHECK(answer->status == 409);
  CHECK(answer->body == "PUT /flags/m?x=1 t {}");
  const std::pair<std::string, std::string> header{"X-Answer", "yes"};
  CHECK(std::find(answer->headers.begin(), answer->headers.end(), header) != answer->headers.end());
  auto by_name = net::http_exchange(
      {"GET", "http://localhost:" + std::to_string(server.port) + "/", "", {}}, 5s);
  REQUIRE(by_name.has_value());
  CHECK(by_name->status == 409);
}

TEST_CASE("interim responses are passed over, and a body may end with the connection") {
  ScriptedPeer peer("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end");
  auto answer = net::http_exchange({"GET", url(peer.port(), "/"), "", {}}, 5s);
  REQUIRE(answer.has_value());
  CHECK(answer->body == "to the end");
}

TEST_CASE("a failure says which step failed") {
  unsigned short free_port = 0;
  {
    RunningServer closed([](const net::HttpRequest&, net::Respond) {});
    free_port = closed.port;
  }
  const auto error = [](const net::ClientRequest& request) {
    auto answer = net::http_exchange(request, 5s);
    return answer.has_error() ? answer.error().message() : "no error";
  };
  CHECK(error({"GET", url(free_port, "/"), "", {}}) == "connect: Connection refused");
  CHECK(error({"GET", "http://no-such-host.invalid/", "", {}}).starts_with("resolve: "));
  CHECK(error({"GET", "ftp://a/", "", {}}).starts_with("not a usable URL"));
  CHECK(error({"FOO", url(free_port, "/"), "", {}}).starts_with("not a known method"));
  CHECK(error({"GET", url(free_port, "/"), "", {{"X", "a\r\nb"}}}).starts_with("a header's value"));
  ScriptedPeer cut("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
  CHECK(error({"GET", url(cut.port(), "/"), "", {}}) == "read: partial message");
}

TEST_CASE("a server that never answers is given up at the deadline") {
  ScriptedPeer silent("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", false);
  auto answer = net::http_exchange({"GET", url(silent.port(), "/"), "", {}}, 30ms);
  REQUIRE(answer.has_error());
  CHECK(answer.error().message() == "read: no answer in time");
}

TEST_CASE("an exchange can be ended from another thread") {
  ScriptedPeer silent("", false);
  std::stop_source source;
  net::ClientOptions options;
  options.timeout = 60s;
  options.stop = source.get_token();
  std::thread stopper([&source] { source.request_stop(); });
  auto answer = net::http_exchange({"GET", url(silent.port(), "/"), "", {}}, options);
  stopper.join();
  REQUIRE(answer.has_error());
  CHECK(answer.error().message() == "stopped");
  // The peer may never have been reached: it waits for somebody.
  test::RawClient(silent.port()).send("GET / HTTP/1.1\r\n\r\n");
}

TEST_CASE("a longer body than is wanted is an error, or is cut") {
  RunningServer server([](const net::HttpRequest&, net::Respond respond) {
    net::HttpResponse response;
    response.body.assign(1 << 20, 'x');
    respond(response);
  });
  net::ClientOptions options;
  options.timeout = 10s;
  options.max_body = 64 << 10;
  const net::ClientRequest request{"GET", url(server.port, "/"), "", {}};
  auto refused = net::http_exchange(request, options);
  REQUIRE(refused.has_error());
  CHECK(refused.error().message() == "read: body limit exceeded");
  options.head_suffices = true;
  auto cut = net::http_exchange(request, options);
  REQUIRE(cut.has_value());
  CHECK(cut->status == 200);
  CHECK(cut->body == std::string(64 << 10, 'x'));
}

TEST_CASE("a body of a claimed size that nobody could hold is read up to the limit alone") {
  ScriptedPeer liar("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n" +
                    std::string(100, 'x'));
  net::ClientOptions options;
  options.max_body = 10;
  options.head_suffices = true;
  auto answer = net::http_exchange({"GET", url(liar.port(), "/"), "", {}}, options);
  REQUIRE(answer.has_value());
  CHECK(answer->body == std::string(10, 'x'));
}

TEST_CASE("where the head suffices, a body that never ends is waited for no longer than allowed") {
  ScriptedPeer slow("HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nabc", false);
  net::ClientOptions options;
  options.timeout = 30ms;
  options.head_suffices = true;
  auto answer = net::http_exchange({"GET", url(slow.port(), "/"), "", {}}, options);
  REQUIRE(answer.has_value());
  CHECK(answer->status == 202);
  CHECK(answer->body == "abc");
}

TEST_CASE("a stop ends the wait for a name's addresses too") {
  std::stop_source source;
  net::ClientOptions options;
  options.timeout = 60s;
  options.stop = source.get_token();
  source.request_stop();
  const auto answer = net::http_exchange({"GET", "http://no-such-host.invalid/", "", {}}, options);
  REQUIRE(answer.has_error());
  CHECK(answer.error().message() == "stopped");
}

TEST_CASE("a redirect is an answer like any other: nobody follows it") {
  ScriptedPeer peer("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n");
  const auto answer = net::http_exchange({"POST", url(peer.port(), "/"), "x", {}}, 5s);
  REQUIRE(answer.has_value());
  CHECK(answer->status == 302);
}

TEST_CASE("every address of a name is asked about before one is connected to") {
  RunningServer server([](const net::HttpRequest&, net::Respond respond) { respond({}); });
  std::vector<net::PeerAddress> asked;
  net::ClientOptions options;
  options.refuse = [&asked](const net::PeerAddress& peer) {
    asked.push_back(peer);
    return std::string(asked.size() > 1 ? "not this one" : "");
  };
  const net::ClientRequest request{"GET", url(server.port, "/"), "", {}};
  CHECK(net::http_exchange(request, options).has_value());
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].port == server.port);
  CHECK(asked[0].ip ==
        std::array<std::uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1});
  auto refused = net::http_exchange(request, options);
  REQUIRE(refused.has_error());
  CHECK(refused.error().message() == "refused: 127.0.0.1 is not connected to: not this one");
}

TEST_CASE("URLs are taken apart, and odd ones refused") {
  struct Row {
    std::string text, host, port, authority, target;
  };
  const std::vector<Row> good = {
      {"http://a", "a", "80", "a", "/"},
      {"https://a/b", "a", "443", "a", "/b"},
      {"https://a:8443", "a", "8443", "a:8443", "/"},
      {"http://a:81/b?c", "a", "81", "a:81", "/b?c"},
      {"http://a?c", "a", "80", "a", "/?c"},
      {"http://[::1]:9901/x", "::1", "9901", "[::1]:9901", "/x"},
      {"https://a.b.:8443/x", "a.b.", "8443", "a.b:8443", "/x"},
      {"http://a.", "a.", "80", "a", "/"},
  };
  for (const auto& row : good) {
    INFO(row.text);
    const auto parsed = net::parse_url(row.text);
    REQUIRE(parsed.has_value());
    CHECK(parsed->tls == row.text.starts_with("https"));
    CHECK(parsed->host == row.host);
    CHECK(parsed->port == row.port);
    CHECK(parsed->authority == row.authority);
    CHECK(parsed->target == row.target);
  }
  for (const std::string text :
       {"", "a:1", "ftp://a", "https://", "http://", "http://u@a", "http://a:0", "http://a:65536",
        "http://a:x", "http://[::1", "http://a/ b", "http://a/#f", "http://[::1]x"}) {
    INFO(text);
    CHECK(net::parse_url(text).has_error());
  }
}

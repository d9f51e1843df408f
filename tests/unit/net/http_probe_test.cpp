#include "net/http_probe.hpp"

#include <arpa/inet.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <functional>
#include <optional>
#include <thread>

#include "support/descriptor_limit.hpp"

using namespace canary;
using namespace std::chrono_literals;

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// Accepts one connection on a thread of its own, reads a head, and answers.
class Server {
 public:
  explicit Server(std::string answer, bool close = true)
      : acceptor_(io_, {asio::ip::address_v4::loopback(), 0}),
        thread_([this, answer = std::move(answer), close] {
          tcp::socket socket(io_);
          boost::system::error_code error;
          acceptor_.accept(socket, error);
          if (error) return;
          asio::streambuf buffer;
          asio::read_until(socket, buffer, "\r\n\r\n", error);
          request = {asio::buffers_begin(buffer.data()), asio::buffers_end(buffer.data())};
          asio::write(socket, asio::buffer(answer), error);
          if (!close) socket.read_some(asio::buffer(rest_), error);  // until the client goes
        }) {}
  ~Server() { thread_.join(); }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void wait() {
    thread_.join();
    thread_ = std::thread([] {});
  }
  std::string request;

 private:
  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::array<char, 16> rest_;
  std::thread thread_;
};

/// `most_descriptors`: what the process may have open while it probes. `connecting`: runs when the
/// connect has begun and is not looked at yet.
base::Result<int> probe(
    std::uint16_t port, base::Duration timeout = 20s, std::optional<rlim_t> most_descriptors = {},
    const std::function<void()>& connecting = [] {}) {
  net::Probe probe;
  auto& address = reinterpret_cast<sockaddr_in&>(probe.address);
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  probe.length = sizeof address;
  probe.host = "critic:9001";
  probe.target = "/ready?x=1";
  probe.timeout = timeout;
  asio::io_context io;
  { tcp::socket opens_its_descriptors(io, tcp::v4()); }
  std::optional<base::Result<int>> result;
  int answers = 0;
  std::optional<support::DescriptorLimit> limit;
  if (most_descriptors) limit.emplace(*most_descriptors);
  net::http_probe(io, probe, [&](base::Result<int> status) {
    result = std::move(status);
    ++answers;
  });
  connecting();
  io.run();
  limit.reset();
  CHECK(answers == 1);
  return result.value();
}

}  // namespace

TEST_CASE("a probe asks for its target with the endpoint's Host, and tells the status") {
  Server server("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(probe(server.port()).value() == 204);
  server.wait();
  CHECK(server.request.starts_with("GET /ready?x=1 HTTP/1.1\r\n"));
  CHECK(server.request.find("Host: critic:9001\r\n") != std::string::npos);
  CHECK(server.request.find("Connection: close\r\n") != std::string::npos);
}

TEST_CASE("the body is not waited for, and 1xx is not the answer") {
  Server server("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 503 No\r\nContent-Length: 999\r\n\r\nx",
                false);
  CHECK(probe(server.port()).value() == 503);
}

TEST_CASE("what is no HTTP, ends early or never comes is an error that says so") {
  const std::string long_head = "HTTP/1.1 200 OK\r\nX: " + std::string(9000, 'x') + "\r\n\r\n";
  for (const std::string& answer : {std::string("SSH-2.0\r\n\r\n"), std::string(), long_head}) {
    Server server(answer);
    const auto result = probe(server.port());
    REQUIRE(result.has_error());
    CHECK(result.error().message().starts_with("read: "));
  }
  Server silent("", false);
  CHECK(probe(silent.port(), 50ms).error().message() == "read: no answer in time");
}

TEST_CASE("what a server says before it is asked says nothing of its health") {
  asio::io_context io;
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  tcp::socket socket(io);
  const auto result = probe(acceptor.local_endpoint().port(), 20s, {}, [&] {
    acceptor.accept(socket);
    asio::write(socket, asio::buffer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 38));
  });
  REQUIRE(result.has_error());
  CHECK(result.error().message() == "connect: it sent bytes before it was asked");
  CHECK(result.error().source() == base::Source::upstream);
}

TEST_CASE("a port on which nobody listens is an error of the connect") {
  std::uint16_t port = 0;
  {
    asio::io_context io;
    port = tcp::acceptor(io, {asio::ip::address_v4::loopback(), 0}).local_endpoint().port();
  }
  CHECK(probe(port).error().message() == "connect: Connection refused");
  CHECK(probe(port).error().source() == base::Source::upstream);
}

TEST_CASE("our own lack of descriptors is told from the server's failure") {
  const auto result = probe(1, 20s, 0);
  CHECK(result.error().message() == "connect: Too many open files");
  CHECK(result.error().source() == base::Source::internal);
}

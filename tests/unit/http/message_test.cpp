#include "http/message.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace canary::http {

TEST_CASE("The end of a head is found however its bytes were cut") {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n\n\r\r\nx\r\n\r\nPOST / HTTP/1.1\r\n\r\n";
  const auto expected = bytes.find("\r\n\r\n") + 4;
  for (std::size_t first = 0; first <= bytes.size(); ++first) {
    for (std::size_t step = 1; step <= 5; ++step) {
      std::size_t scanned = 0, end = 0;
      for (auto size = first; end == 0 && size <= bytes.size(); size += step)
        end = find_head_end(std::string_view(bytes).substr(0, size), scanned);
      if (end == 0) end = find_head_end(bytes, scanned);
      REQUIRE(end == expected);
    }
  }
  std::size_t scanned = 0;
  CHECK(find_head_end({}, scanned) == 0);
  CHECK(find_head_end("a\r\n\r", scanned) == 0);
  CHECK(scanned == 4);
}

TEST_CASE("Empty lines before a request are counted, half ones are not") {
  CHECK(leading_empty_lines("") == 0);
  CHECK(leading_empty_lines("GET") == 0);
  CHECK(leading_empty_lines("\r") == 0);
  CHECK(leading_empty_lines("\n") == 0);
  CHECK(leading_empty_lines("\r\nGET") == 2);
  CHECK(leading_empty_lines("\r\n\r\n\rx") == 4);
}

TEST_CASE("A head that is not complete is refused as soon as it can be no request") {
  const HeadLimits limits{.bytes = 9000, .fields = 3};
  const auto status = [&](std::string_view bytes) {
    return refuse_incomplete(bytes, limits).status;
  };
  const std::string line = "GET / HTTP/1.1\r\n";
  CHECK(status("") == 0);
  CHECK(status("\r") == 0);
  CHECK(status("G") == 0);
  CHECK(status("GET / HTT") == 0);
  CHECK(status("GET / HTTP/1.1\r") == 0);
  CHECK(status(line) == 0);
  CHECK(status(line + "a: b\r\na: b\r\na: b\r\n\r") == 0);
  CHECK(status("GET /" + std::string(8000, 'x')) == 0);
  CHECK(status("\x16\x03\x01\x02") == 400);  // a TLS ClientHello
  CHECK(status(std::string_view("\0", 1)) == 400);
  CHECK(status(" ") == 400);
  CHECK(status("\n") == 400);
  CHECK(status("\rG") == 400);
  CHECK(status("\x80") == 400);
  CHECK(status("GET /\r\n") == 400);  // HTTP/0.9 waits for an answer, not for more to send
  CHECK(status("GET / HTTP/1.1\n") == 400);
  CHECK(status(line + "Host: a\n") == 400);
  CHECK(status(line + "a: b\r\na: b\r\na: b\r\na: b\r\n") == 431);
  CHECK(status("GET /" + std::string(9000, 'x')) == 414);
  CHECK(status(line + "a: " + std::string(9000, 'x')) == 431);
}

TEST_CASE("A response head that is not complete is refused as soon as it can be no response") {
  const HeadLimits limits{.bytes = 100, .fields = 10};
  const auto refused = [&](std::string_view bytes) {
    return refuse_incomplete_response(bytes, limits).status;
  };
  for (const auto* fine :
       {"", "H", "HTTP/1.", "HTTP/1.1 200 OK\r", "HTTP/1.1 200 OK\r\nA: b\r\n\r"})
    CHECK(refused(fine) == 0);
  for (const auto* broken :
       {"h", "HTTP/2", "<html>", "\r\n", "HTTP/1.1 200 OK\nA: b", "HTTP/1.1 200\n",
        "HTTP/1.1 200 OK\r\nA: b\n\n", "HTTP/1.1 200 OK\rA: b"})
    CHECK(refused(broken) == 502);
  CHECK(refused("HTTP/1.1 200 " + std::string(87, 'x')) == 0);
  CHECK(refused("HTTP/1.1 200 " + std::string(88, 'x')) == 502);
}

}  // namespace canary::http

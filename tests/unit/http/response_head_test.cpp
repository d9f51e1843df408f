#include "http/response_head.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace canary::http {
namespace {

constexpr HeadLimits limits;
using namespace std::string_literals;

std::string ok(const std::string& fields) { return "HTTP/1.1 200 OK\r\n" + fields + "\r\n"; }

}  // namespace

TEST_CASE("A response head that could be misread is refused with 502") {
  struct Case {
    std::string name, head;
    bool accepted;
  };
  const auto line = [](const std::string& first) { return first + "\r\n\r\n"; };
  static ResponseHead head;
  for (const auto& c : std::vector<Case>{
           {"plain", ok("Content-Length: 5\r\n"), true},
           {"no reason", line("HTTP/1.1 200 "), true},
           {"any code from 100", line("HTTP/1.1 100 Continue"), true},
           {"103", line("HTTP/1.1 103 Early Hints"), true},
           {"599", line("HTTP/1.1 599 Odd"), true},
           {"600", line("HTTP/1.1 600 Odd"), false},
           {"999", line("HTTP/1.1 999 Odd"), false},
           {"8-bit reason", line("HTTP/1.1 200 \xc3\xa4"), true},
           {"HTTP/1.0", line("HTTP/1.0 200 OK"), true},
           {"chunked", ok("Transfer-Encoding: Chunked\r\n"), true},
           {"equal lengths", ok("Content-Length: 5\r\nContent-Length: 5\r\n"), true},
           {"status below 100", line("HTTP/1.1 099 No"), false},
           {"status 000", line("HTTP/1.1 000 No"), false},
           {"two digits", line("HTTP/1.1 20 OK"), false},
           {"four digits", line("HTTP/1.1 2000 OK"), false},
           {"no status", line("HTTP/1.1 OK"), false},
           {"no space after the status", line("HTTP/1.1 200"), false},
           {"101", line("HTTP/1.1 101 Switching Protocols"), true},
           {"HTTP/0.9", "<html>\r\n\r\n", false},
           {"garbage", "\x16\x03\x01\r\n\r\n", false},
           {"HTTP/2.0", line("HTTP/2.0 200 OK"), false},
           {"HTTP/1.2", line("HTTP/1.2 200 OK"), false},
           {"ICY", line("ICY 200 OK"), false},
           {"a space in front", line(" HTTP/1.1 200 OK"), false},
           {"an empty line in front", "\r\nHTTP/1.1 200 OK\r\n\r\n", false},
           {"CR in the reason", line("HTTP/1.1 200 O\rK"), false},
           {"LF in the reason", line("HTTP/1.1 200 O\nK: v"), false},
           {"NUL in the reason", line("HTTP/1.1 200 O\0K"s), false},
           {"obs-fold", ok("a: b\r\n c\r\n"), false},
           {"obs-fold of an empty value", ok("a:\r\n c\r\n"), false},
           {"NUL in a value", ok("a: b\0c\r\n"s), false},
           {"CR in a value", ok("a: b\rc\r\n"), false},
           {"bare LF", ok("a: b\nc: d\r\n"), false},
           {"space before the colon", ok("Content-Length : 5\r\n"), false},
           {"no colon", ok("abc\r\n"), false},
           {"empty length", ok("Content-Length:\r\n"), false},
           {"negative length", ok("Content-Length: -1\r\n"), false},
           {"signed length", ok("Content-Length: +1\r\n"), false},
           {"hexadecimal length", ok("Content-Length: 0x1\r\n"), false},
           {"length with garbage", ok("Content-Length: 5x\r\n"), false},
           {"length too large", ok("Content-Length: 18446744073709551616\r\n"), false},
           {"differing lengths", ok("Content-Length: 5\r\nContent-Length: 6\r\n"), false},
           {"a list of lengths", ok("Content-Length: 5, 5\r\n"), false},
           {"length and chunked", ok("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), false},
           {"chunked and length", ok("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), false},
           {"xchunked and length", ok("Transfer-Encoding: x\r\nContent-Length: 5\r\n"), false},
           {"xchunked", ok("Transfer-Encoding: xchunked\r\n"), false},
           {"gzip, chunked", ok("Transfer-Encoding: gzip, chunked\r\n"), false},
           {"chunked, identity", ok("Transfer-Encoding: chunked, identity\r\n"), false},
           {"identity", ok("Transfer-Encoding: identity\r\n"), false},
           {"empty coding", ok("Transfer-Encoding:\r\n"), false},
           {"chunked twice", ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            false},
           {"chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false},
           {"a bad coding in a 204", "HTTP/1.1 204 No\r\nTransfer-Encoding: x\r\n\r\n", false},
           {"two heads", ok("") + ok(""), false},
           {"half a head", "HTTP/1.1 200 OK\r\nServer: x\r\n", false},
       }) {
    INFO(c.name);
    const auto refusal = head.parse(c.head, false, limits);
    INFO(refusal.message);
    CHECK(refusal.status == (c.accepted ? 0 : 502));
    CHECK(refusal.message.empty() == c.accepted);
  }
}

TEST_CASE("A response's size and its number of fields are limited") {
  ResponseHead head;
  const auto two = ok("a: b\r\nc: d\r\n");
  CHECK(head.parse(two, false, {.fields = 2}).status == 0);
  CHECK(head.parse(two, false, {.fields = 1}).status == 502);
  CHECK(head.parse(two, false, {.bytes = two.size()}).status == 0);
  CHECK(head.parse(two, false, {.bytes = two.size() - 1}).status == 502);
}

TEST_CASE("The end of a response's body is found by RFC 9112's rules") {
  struct Row {
    std::string line, fields;
    bool to_head;
    Framing framing;
    std::uint64_t length;
    bool keep_alive;
  };
  using enum Framing;
  const std::string cl = "Content-Length: 7\r\n", te = "Transfer-Encoding: chunked\r\n",
                    keep = "Connection: keep-alive\r\n", close = "Connection: close\r\n";
  ResponseHead head;
  for (const auto& row : std::vector<Row>{
           {"1.1 200", cl, false, length, 7, true},
           {"1.1 200", cl + close, false, length, 7, false},
           {"1.1 200", te, false, chunked, 0, true},
           {"1.1 200", te + close, false, chunked, 0, false},
           {"1.1 200", "", false, until_close, 0, false},
           {"1.1 200", keep, false, until_close, 0, false},
           {"1.1 200", "Content-Length: 0\r\n", false, length, 0, true},
           {"1.1 500", cl, false, length, 7, true},
           {"1.0 200", cl, false, length, 7, false},
           {"1.0 200", cl + keep, false, length, 7, true},
           {"1.0 200", keep, false, until_close, 0, false},
           {"1.1 200", cl, true, none, 7, false},
           {"1.1 200", te, true, none, 0, false},
           {"1.1 200", "Content-Length: 0\r\n", true, none, 0, false},
           {"1.1 200", "", true, none, 0, false},
           {"1.1 200", close, true, none, 0, false},
           {"1.1 304", cl, false, none, 7, false},
           {"1.1 304", te, false, none, 0, false},
           {"1.1 304", "", false, none, 0, false},
           {"1.1 304", "Content-Length: 0\r\n", false, none, 0, false},
           {"1.1 204", "", false, none, 0, false},
           {"1.1 204", "Content-Length: 0\r\n", false, none, 0, false},
           {"1.1 204", cl, false, none, 0, false},
           {"1.1 204", te, false, none, 0, false},
           {"1.1 100", "", false, none, 0, false},
           {"1.1 103", cl, false, none, 0, false},
       }) {
    INFO(row.line << ' ' << row.fields << row.to_head);
    const auto raw = "HTTP/" + row.line + " X\r\n" + row.fields + "\r\n";
    REQUIRE_FALSE(head.parse(raw, row.to_head, limits));
    CHECK(head.framing == row.framing);
    CHECK(head.content_length == row.length);
    CHECK(head.keep_alive == row.keep_alive);
  }
}

TEST_CASE("A response head says what the gateway needs to know, and forgets the one before") {
  ResponseHead head;
  const auto raw = "HTTP/1.0 503 Try later\r\nRetry-After: 1\r\nContent-Length: 3\r\n\r\n"s;
  REQUIRE_FALSE(head.parse(raw, false, limits));
  CHECK(head.status == 503);
  CHECK(head.reason == "Try later");
  CHECK(head.http_1_0);
  CHECK(head.retry_after);
  CHECK(head.find("RETRY-AFTER") == "1");
  CHECK(head.fields().size() == 2);

  const auto next = "HTTP/1.1 204 \xff\r\n\r\n"s;
  REQUIRE_FALSE(head.parse(next, false, limits));
  CHECK(head.status == 204);
  CHECK(head.reason.empty());  // 8-bit text is not passed on
  CHECK_FALSE(head.http_1_0);
  CHECK_FALSE(head.retry_after);
  CHECK(head.fields().empty());
  CHECK(head.framing == Framing::none);
  CHECK(head.content_length == 0);
}

}  // namespace canary::http

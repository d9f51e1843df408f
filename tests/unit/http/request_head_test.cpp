#include "http/request_head.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace canary::http {
namespace {

constexpr HeadLimits limits;
using namespace std::string_literals;

struct Case {
  std::string name, head;
  std::uint16_t status;  // 0: accepted
};

std::string get(const std::string& fields) { return "GET / HTTP/1.1\r\n" + fields + "\r\n"; }
std::string post(const std::string& fields) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}
std::string line(const std::string& first) { return first + "\r\nHost: a\r\n\r\n"; }

void check(const std::vector<Case>& cases) {
  static ParsedRequestHead head;
  for (const auto& c : cases) {
    INFO(c.name << ": " << c.head.substr(0, 200));
    std::size_t scanned = 0;
    REQUIRE(find_head_end(c.head, scanned) == c.head.size());
    const auto refusal = head.parse(c.head, limits);
    INFO(refusal.code << ": " << refusal.message);
    CHECK(refusal.status == c.status);
    if (refusal) {
      CHECK_FALSE(refusal.code.empty());
      CHECK_FALSE(refusal.message.empty());
    }
  }
}

}  // namespace

TEST_CASE("A Transfer-Encoding is accepted only when it is exactly one chunked, in HTTP/1.1") {
  const auto te = [](const std::string& v) { return post("Transfer-Encoding: " + v + "\r\n"); };
  check({
      {"chunked", te("chunked"), 0},
      {"any case", te("cHuNkEd"), 0},
      {"white space around it", te(" \tchunked \t"), 0},
      {"unknown coding", te("xchunked"), 501},
      {"identity", te("identity"), 501},
      {"gzip", te("gzip"), 501},
      {"gzip, chunked", te("gzip, chunked"), 501},
      {"empty", te(""), 400},
      {"quoted", te("\"chunked\""), 400},
      {"chunked twice", te("chunked, chunked"), 400},
      {"chunked is not last", te("chunked, identity"), 400},
      {"empty element in front", te(",chunked"), 400},
      {"empty element behind", te("chunked,"), 400},
      {"a parameter", te("chunked;q=1"), 400},
      {"a space inside", te("chun ked"), 400},
      {"a vertical tab in front", te("\vchunked"), 400},
      {"8-bit", te("chunked\x80"), 400},
      {"two lines", te("chunked\r\nTransfer-Encoding: chunked"), 400},
      {"two lines, one unknown", te("x\r\nTransfer-Encoding: chunked"), 400},
      {"two lines, second unknown", te("chunked\r\nTransfer-Encoding: x"), 400},
      {"HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"Content-Length in front", te("chunked").insert(26, "Content-Length: 5\r\n"), 400},
      {"Content-Length behind", te("chunked\r\nContent-Length: 5"), 400},
      {"gzip, then Content-Length", te("gzip\r\nContent-Length: 5"), 400},
      {"xchunked, then Content-Length", te("xchunked\r\nContent-Length: 5"), 400},
  });
}

TEST_CASE("A Content-Length is accepted only when it is one number") {
  const auto cl = [](const std::string& v) { return post("Content-Length: " + v + "\r\n"); };
  check({
      {"a number", cl("5"), 0},
      {"zero", cl("0"), 0},
      {"leading zeros", cl("005"), 0},
      {"the largest", cl("9223372036854775807"), 0},
      {"one more", cl("9223372036854775808"), 400},
      {"2^64", cl("18446744073709551616"), 400},
      {"very long", cl(std::string(100, '9')), 400},
      {"plus", cl("+5"), 400},
      {"minus", cl("-5"), 400},
      {"empty", cl(""), 400},
      {"hexadecimal", cl("0x5"), 400},
      {"a letter", cl("5g"), 400},
      {"two numbers", cl("5 5"), 400},
      {"a list of equal values", cl("5, 5"), 400},
      {"a list of different values", cl("5, 6"), 400},
      {"an empty element", cl("5,"), 400},
      {"equal lines", cl("5\r\nContent-Length: 5"), 400},
      {"different lines", cl("5\r\nContent-Length: 6"), 400},
      {"a fraction", cl("5.0"), 400},
  });
}

TEST_CASE("A request needs exactly one valid Host") {
  check({
      {"a name", get("Host: example.com\r\n"), 0},
      {"with port", get("Host: example.com:8080\r\n"), 0},
      {"with an empty port", get("Host: example.com:\r\n"), 0},
      {"underscore", get("Host: comp_critic\r\n"), 0},
      {"IPv4", get("Host: 127.0.0.1:80\r\n"), 0},
      {"IPv6", get("Host: [::1]:80\r\n"), 0},
      {"IPv6 with IPv4", get("Host: [::ffff:1.2.3.4]\r\n"), 0},
      {"any case of its name", get("hOST: a\r\n"), 0},
      {"none", get("Accept: */*\r\n"), 400},
      {"none at all", get(""), 400},
      {"two", get("Host: a\r\nHost: b\r\n"), 400},
      {"two equal", get("Host: a\r\nHost: a\r\n"), 400},
      {"empty", get("Host:\r\n"), 400},
      {"a path", get("Host: a/b\r\n"), 400},
      {"user information", get("Host: u@a\r\n"), 400},
      {"a list", get("Host: a,b\r\n"), 400},
      {"a space", get("Host: a b\r\n"), 400},
      {"a query", get("Host: a?b\r\n"), 400},
      {"8-bit", get("Host: a\xc3\xa4\r\n"), 400},
      {"only a port", get("Host: :80\r\n"), 400},
      {"a port with letters", get("Host: a:8o\r\n"), 400},
      {"a port too large", get("Host: a:65536\r\n"), 400},
      {"two ports", get("Host: a:80:80\r\n"), 400},
      {"a port with a leading zero", get("Host: a:00080\r\n"), 400},
      {"port 0", get("Host: a:0\r\n"), 0},
      {"port 00", get("Host: a:00\r\n"), 400},
      {"an address's port with a leading zero", get("Host: [::1]:080\r\n"), 400},
      {"a dot at the end", get("Host: a.example.\r\n"), 0},
      {"two dots at the end", get("Host: a.example..\r\n"), 400},
      {"a dot in front", get("Host: .a.example\r\n"), 400},
      {"an empty label", get("Host: a..example:80\r\n"), 400},
      {"a dot alone", get("Host: .\r\n"), 400},
      {"a dot and a port", get("Host: .:80\r\n"), 400},
      {"an address without brackets", get("Host: ::1:80\r\n"), 400},
      {"a target's dot", "GET http://./ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a target's port", "GET http://a:080/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"an open bracket", get("Host: [::1\r\n"), 400},
      {"empty brackets", get("Host: []\r\n"), 400},
      {"text behind the bracket", get("Host: [::1]a\r\n"), 400},
      {"a zone", get("Host: [fe80::1%25eth0]\r\n"), 400},
      {"only colons", get("Host: [:::::]\r\n"), 400},
      {"nine groups", get("Host: [1:2:3:4:5:6:7:8:9]\r\n"), 400},
      {"eight groups", get("Host: [1:2:3:4:5:6:7:8]\r\n"), 0},
      {"IPv4 in IPv6", get("Host: [::ffff:1.2.3.4]:80\r\n"), 0},
      {"HTTP/1.0 without", "GET / HTTP/1.0\r\n\r\n", 0},
      {"HTTP/1.0 with two", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"HTTP/1.0 with an invalid one", "GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", 400},
      {"absolute-form without", "GET http://a/ HTTP/1.1\r\n\r\n", 400},
  });
}

TEST_CASE("A request line has one of the forms that are meant for a gateway") {
  check({
      {"origin-form", line("GET /a/b?c=d&e HTTP/1.1"), 0},
      {"odd but visible characters", line("GET /a|b\"{}\\^`<> HTTP/1.1"), 0},
      {"percent-encoding", line("GET /%00%2f HTTP/1.1"), 0},
      {"empty first segment", line("GET //a HTTP/1.1"), 0},
      {"absolute-form", line("GET http://b:80/x HTTP/1.1"), 0},
      {"absolute-form, any case", line("GET HTTP://b/x HTTP/1.1"), 0},
      {"absolute-form without path", line("GET http://b HTTP/1.1"), 0},
      {"absolute-form with query only", line("GET http://b?q HTTP/1.1"), 0},
      {"asterisk-form", line("OPTIONS * HTTP/1.1"), 0},
      {"unknown method", line("PURGE /x HTTP/1.1"), 0},
      {"method of odd token characters", line("M-SEARCH!#$ /x HTTP/1.1"), 0},
      {"the longest method", line(std::string(64, 'A') + " / HTTP/1.1"), 0},
      {"a longer method", line(std::string(65, 'A') + " / HTTP/1.1"), 501},
      {"asterisk with GET", line("GET * HTTP/1.1"), 400},
      {"asterisk and more", line("OPTIONS *x HTTP/1.1"), 400},
      {"no slash", line("GET x HTTP/1.1"), 400},
      {"authority-form with GET", line("GET a:80 HTTP/1.1"), 400},
      {"https", line("GET https://b/ HTTP/1.1"), 400},
      {"another scheme", line("GET ftp://b/ HTTP/1.1"), 400},
      {"no authority", line("GET http:///x HTTP/1.1"), 400},
      {"only a scheme", line("GET http:// HTTP/1.1"), 400},
      {"user information", line("GET http://u:p@b/ HTTP/1.1"), 400},
      {"a bad port", line("GET http://b:x/ HTTP/1.1"), 400},
      {"fragment", line("GET /x#f HTTP/1.1"), 400},
      {"8-bit", line("GET /\xc3\xa4 HTTP/1.1"), 400},
      {"DEL", line("GET /\x7f HTTP/1.1"), 400},
      {"a control", line("GET /\x01 HTTP/1.1"), 400},
      {"NUL", line("GET /\0 HTTP/1.1"s), 400},
      {"a tab", line("GET /\t HTTP/1.1"), 400},
      {"a bare CR", line("GET /a\rb HTTP/1.1"), 400},
      {"CONNECT", line("CONNECT a:443 HTTP/1.1"), 501},
      {"CONNECT with a path", line("CONNECT / HTTP/1.1"), 501},
      {"no target", line("GET HTTP/1.1"), 400},
      {"empty target", line("GET  HTTP/1.1"), 400},
      {"two spaces", line("GET  / HTTP/1.1"), 400},
      {"two spaces before the version", line("GET /  HTTP/1.1"), 400},
      {"a space at the end", line("GET / HTTP/1.1 "), 400},
      {"a space in front", line(" GET / HTTP/1.1"), 400},
      {"a space in the target", line("GET /a b HTTP/1.1"), 400},
      {"a method that is no token", line("G(T / HTTP/1.1"), 400},
      {"8-bit method", line("G\xc3T / HTTP/1.1"), 400},
      {"NUL in the method", line("G\0T / HTTP/1.1"s), 400},
      {"no version", line("GET /"), 400},
  });
}

TEST_CASE("Another version of HTTP is 505, and no version at all is 400") {
  check({
      {"1.1", line("GET / HTTP/1.1"), 0},
      {"1.0", line("GET / HTTP/1.0"), 0},
      {"1.2", line("GET / HTTP/1.2"), 505},
      {"2.0", line("GET / HTTP/2.0"), 505},
      {"the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", 505},
      {"0.9", line("GET / HTTP/0.9"), 505},
      {"3.1", line("GET / HTTP/3.1"), 505},
      {"9.9", line("GET / HTTP/9.9"), 505},
      {"without minor", line("GET / HTTP/2"), 400},
      {"two digits", line("GET / HTTP/1.10"), 400},
      {"lower case", line("GET / http/1.1"), 400},
      {"a letter", line("GET / HTTP/1.x"), 400},
      {"another protocol", line("GET / ICE/1.0"), 400},
      {"a comma", line("GET / HTTP/1,1"), 400},
      {"a leading zero", line("GET / HTTP/01.1"), 400},
  });
}

TEST_CASE("A header section has the one form that cannot be misread") {
  const auto field = [](const std::string& text) { return get("Host: a\r\n" + text + "\r\n"); };
  check({
      {"odd token characters", field("a!#$%&'*+-.^_`|~9: b"), 0},
      {"a tab inside", field("a: b\tc"), 0},
      {"8-bit value", field("a: \x80\xff"), 0},
      {"empty value", field("a:"), 0},
      {"no space", field("a:b"), 0},
      {"colon in the value", field("a: b:c"), 0},
      {"space before the colon", field("a : b"), 400},
      {"tab before the colon", field("a\t: b"), 400},
      {"space before Host's colon", get("Host : a\r\n"), 400},
      {"space in the name", field("a b: c"), 400},
      {"no name", field(": b"), 400},
      {"no colon", field("abc"), 400},
      {"8-bit name", field("a\x80: b"), 400},
      {"NUL in the name", field("a\0b: c"s), 400},
      {"brackets in the name", field("a[b]: c"), 400},
      {"DEL in the name", field("a\x7f: c"), 400},
      {"NUL in a value", field("a: b\0c"s), 400},
      {"DEL in a value", field("a: b\x7f"), 400},
      {"escape in a value", field("a: b\x1b"), 400},
      {"bare CR in a value", field("a: b\rc"), 400},
      {"CR before CRLF", field("a: b\r"), 400},
      {"bare LF in a value", field("a: b\nc: d"), 400},
      {"bare LF hides a field", field("a: b\nTransfer-Encoding: chunked"), 400},
      {"obs-fold with space", field("a: b\r\n c"), 400},
      {"obs-fold with tab", field("a: b\r\n\tc"), 400},
      {"obs-fold of an empty value", field("a:\r\n c"), 400},
      {"obs-fold into an empty value", field("a: \r\n "), 400},
      {"obs-fold of white space only", field("a: b\r\n \t "), 400},
      {"obs-fold of Host", get("Host:\r\n a\r\n"), 400},
      {"obs-fold of Transfer-Encoding", field("Transfer-Encoding:\r\n chunked"), 400},
      {"white space before the first field", get(" Host: a\r\n"), 400},
      {"bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
      {"bare CR after the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
      {"an invalid Connection", field("Connection: a b"), 400},
      {"a Connection of 16 names", field("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p"), 0},
      {"a Connection of 17 names", field("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"), 400},
      {"Expect: 100-continue", field("Expect: 100-Continue"), 0},
      {"another expectation", field("Expect: a=b"), 417},
      {"one more expectation", field("Expect: 100-continue\r\nExpect: x"), 417},
      {"an empty expectation", field("Expect:"), 417},
  });
}

TEST_CASE("The number of fields and the size of the head are limited") {
  ParsedRequestHead head;
  const auto with_fields = [](int count) {
    std::string text = "Host: a\r\n";
    for (int i = 1; i < count; ++i) text += "a: b\r\n";
    return get(text);
  };
  CHECK(head.parse(with_fields(100), limits).status == 0);
  CHECK(head.fields().size() == 100);
  CHECK(head.parse(with_fields(101), limits).status == 431);
  CHECK(head.parse(with_fields(256), {.fields = 1000}).status == 0);
  CHECK(head.parse(with_fields(257), {.fields = 1000}).status == 431);

  const auto line_8000 = "GET /" + std::string(7985, 'x') + " HTTP/1.1";
  REQUIRE(line_8000.size() >= 7999);
  CHECK(head.parse(line(line_8000), limits).status == 0);
  CHECK(head.parse(line(line_8000), {.bytes = 8000}).status == 414);
  CHECK(head.parse(line(line_8000), {.bytes = 8005}).status == 431);
  CHECK(head.parse(post("a: " + std::string(70000, 'x') + "\r\n"), limits).status == 431);
  const auto exact = post("a: b\r\n");
  CHECK(head.parse(exact, {.bytes = exact.size()}).status == 0);
  CHECK(head.parse(exact, {.bytes = exact.size() - 1}).status == 431);
}

TEST_CASE("What is not exactly one head is refused") {
  ParsedRequestHead head;
  CHECK(head.parse("", limits).status == 400);
  CHECK(head.parse("\r\n", limits).status == 400);
  CHECK(head.parse("\r\n\r\n", limits).status == 400);
  CHECK(head.parse("GET / HTTP/1.1\r\nHost: a\r\n", limits).status == 400);
  CHECK(head.parse(get("Host: a\r\n") + "x", limits).status == 400);
}

TEST_CASE("An accepted request head says what the gateway needs to know") {
  ParsedRequestHead head;
  const auto raw =
      "POST /v1/x?k=v HTTP/1.1\r\nHost: h:1\r\nContent-Length: 12\r\nX-A:  b c \t\r\n\r\n"s;
  REQUIRE_FALSE(head.parse(raw, limits));
  CHECK(head.method == "POST");
  CHECK(head.target == "/v1/x?k=v");
  CHECK(head.path == "/v1/x");
  CHECK(head.query == "k=v");
  CHECK(head.authority == "h:1");
  CHECK_FALSE(head.http_1_0);
  CHECK(head.keep_alive);
  CHECK_FALSE(head.is_head);
  CHECK_FALSE(head.idempotent);
  CHECK(head.framing == Framing::length);
  CHECK(head.content_length == 12);
  CHECK(head.find("x-a") == "b c");
  CHECK(head.find("X-B").data() == nullptr);
  CHECK(head.fields().size() == 3);

  // The scratch is used again: nothing of the request before shows.
  const auto next = "HEAD /? HTTP/1.0\r\nEmpty:\r\n\r\n"s;
  REQUIRE_FALSE(head.parse(next, limits));
  CHECK(head.path == "/");
  CHECK(head.query.data() != nullptr);
  CHECK(head.query.empty());
  CHECK(head.authority.empty());
  CHECK(head.http_1_0);
  CHECK_FALSE(head.keep_alive);
  CHECK(head.is_head);
  CHECK(head.idempotent);
  CHECK(head.framing == Framing::none);
  CHECK(head.content_length == 0);
  CHECK(head.fields().size() == 1);
  CHECK(head.find("empty").data() != nullptr);
}

TEST_CASE("The port is the authority's, or none") {
  const std::pair<std::string, std::string> rows[] = {
      {"GET / HTTP/1.1\r\nHost: a", ""},
      {"GET / HTTP/1.1\r\nHost: a:", ""},
      {"GET / HTTP/1.1\r\nHost: a:8443", "8443"},
      {"GET / HTTP/1.1\r\nHost: [::1]", ""},
      {"GET / HTTP/1.1\r\nHost: [::1]:81", "81"},
      {"GET http://b:82/ HTTP/1.1\r\nHost: a:81", "82"},
      {"GET http://b/ HTTP/1.1\r\nHost: a:81", ""},
      {"GET / HTTP/1.0", ""},
      {"GET / HTTP/1.0\r\nHost: a:83", "83"}};
  for (const auto& [lines, port] : rows) {
    static ParsedRequestHead head;
    CAPTURE(lines);
    const std::string raw = lines + "\r\n\r\n";
    REQUIRE_FALSE(head.parse(raw, {}));
    CHECK(head.port == port);
  }
}

TEST_CASE("The authority of an absolute target replaces Host") {
  ParsedRequestHead head;
  struct Row {
    std::string line, path, query, authority;
  };
  for (const auto& row : std::vector<Row>{{"GET http://b:80/x?y HTTP/1.1", "/x", "y", "b:80"},
                                          {"GET http://b HTTP/1.1", "/", "", "b"},
                                          {"GET http://b?q HTTP/1.1", "/", "q", "b"},
                                          {"GET http://b/?a/b?c HTTP/1.1", "/", "a/b?c", "b"},
                                          {"OPTIONS http://b HTTP/1.1", "*", "", "b"},
                                          {"OPTIONS http://b/ HTTP/1.1", "/", "", "b"},
                                          {"OPTIONS * HTTP/1.1", "*", "", "a"}}) {
    INFO(row.line);
    const auto raw = line(row.line);
    REQUIRE_FALSE(head.parse(raw, limits));
    CHECK(head.path == row.path);
    CHECK(head.query == row.query);
    CHECK(head.authority == row.authority);
  }
}

TEST_CASE("keep-alive follows the version and the Connection options") {
  struct Row {
    std::string version, connection;
    bool keep_alive;
  };
  ParsedRequestHead head;
  for (const auto& row : std::vector<Row>{{"1.1", "", true},
                                          {"1.1", "Connection: keep-alive\r\n", true},
                                          {"1.1", "Connection: Close\r\n", false},
                                          {"1.1", "Connection: x, close\r\n", false},
                                          {"1.1", "Connection: x\r\nConnection: close\r\n", false},
                                          {"1.1", "Connection: keep-alive, close\r\n", false},
                                          {"1.0", "", false},
                                          {"1.0", "Connection: Keep-Alive\r\n", true},
                                          {"1.0", "Connection: keep-alive, close\r\n", false},
                                          {"1.0", "Proxy-Connection: keep-alive\r\n", false}}) {
    INFO(row.version << ' ' << row.connection);
    const auto raw = "GET / HTTP/" + row.version + "\r\nHost: a\r\n" + row.connection + "\r\n";
    REQUIRE_FALSE(head.parse(raw, limits));
    CHECK(head.keep_alive == row.keep_alive);
  }
}

TEST_CASE("100-continue is expected only by HTTP/1.1 requests with a body") {
  ParsedRequestHead head;
  const auto expects = [&](const std::string& raw) {
    REQUIRE_FALSE(head.parse(raw, limits));
    return head.expect_continue;
  };
  CHECK(expects(post("Expect: 100-continue\r\nContent-Length: 1\r\n")));
  CHECK(expects(post("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n")));
  CHECK_FALSE(expects(post("Content-Length: 1\r\n")));
  CHECK_FALSE(expects(post("Expect: 100-continue\r\nContent-Length: 0\r\n")));
  CHECK_FALSE(expects(post("Expect: 100-continue\r\n")));
  CHECK_FALSE(expects("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"));
}

TEST_CASE("Max-Forwards is counted for OPTIONS and TRACE alone") {
  ParsedRequestHead head;
  const auto hops = [&](const std::string& method, const std::string& value) {
    const auto raw = method + " / HTTP/1.1\r\nHost: a\r\nMax-Forwards: " + value + "\r\n\r\n";
    REQUIRE_FALSE(head.parse(raw, limits));
    return head.max_forwards;
  };
  CHECK(hops("OPTIONS", "5") == 5);
  CHECK(hops("TRACE", "0") == 0);
  CHECK(hops("TRACE", "x") == -1);
  CHECK(hops("GET", "5") == -1);
}

TEST_CASE("Only the methods that RFC 9110 names are idempotent, in their exact case") {
  ParsedRequestHead head;
  for (const std::string method : {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"}) {
    const auto raw = line(method + " / HTTP/1.1");
    REQUIRE_FALSE(head.parse(raw, limits));
    CHECK(head.idempotent);
  }
  for (const std::string method : {"POST", "PATCH", "get", "GETX", "PURGE"}) {
    const auto raw = line(method + " / HTTP/1.1");
    REQUIRE_FALSE(head.parse(raw, limits));
    CHECK_FALSE(head.idempotent);
  }
}

}  // namespace canary::http

#include "http/reference.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace canary::http;

TEST_CASE("An absolute reference is split into scheme, host, port and the rest") {
  struct Row {
    std::string text, scheme, host;
    std::uint16_t port;
    std::string rest;
  };
  const Row rows[] = {
      {"http://a/x", "http", "a", 0, "/x"},
      {"http://a:9001/x?y#z", "http", "a", 9001, "/x?y#z"},
      {"HTTPS://A.b:443", "HTTPS", "A.b", 443, ""},
      {"http://a", "http", "a", 0, ""},
      {"http://a:/x", "http", "a", 0, "/x"},
      {"http://a?y", "http", "a", 0, "?y"},
      {"http://a#z", "http", "a", 0, "#z"},
      {"//a:1/x", "", "a", 1, "/x"},
      {"//[::1]:1/x", "", "[::1]", 1, "/x"},
      {"http://[2001:DB8::1]/x", "http", "[2001:DB8::1]", 0, "/x"},
      {"http://user@a:1/x", "http", "a", 1, "/x"},
      {"http://user:pw@a:1/x", "http", "a", 1, "/x"},
      {"http://a:1@evil.example/x", "http", "evil.example", 0, "/x"},
      {"http://a//evil.example/x", "http", "a", 0, "//evil.example/x"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    Reference reference;
    REQUIRE(split_reference(row.text, reference));
    CHECK(reference.scheme == row.scheme);
    CHECK(reference.host == row.host);
    CHECK(reference.port == row.port);
    CHECK(reference.rest == row.rest);
  }
}

TEST_CASE("What is relative, of another scheme, or has two readings is no absolute reference") {
  const std::string texts[] = {"",
                               "/",
                               "/x",
                               "x",
                               "?y",
                               "http:",
                               "http:/a",
                               "http:a",
                               "/x//a",
                               "ftp://a/x",
                               "ws://a/x",
                               "xhttp://a/x",
                               "http//a/x",
                               "http://",
                               "http:///x",
                               "//",
                               "http://a b/x",
                               "http://a/x y",
                               "ht\ttp://a/x",
                               "http://a\\b/x",
                               "http://evil.example\\@a:1/x",
                               "http://x@evil.example@a:1/x",
                               "http://[::1/x",
                               "http://[a]/x",
                               "http://a:65536/x",
                               "http://a:x/x",
                               "http://a:1:2/x",
                               "http://%61/x",
                               "http://a,b/x"};
  for (const std::string& text : texts) {
    CAPTURE(text);
    Reference reference;
    CHECK_FALSE(split_reference(text, reference));
  }
}

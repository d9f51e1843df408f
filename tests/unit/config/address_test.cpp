#include "config/address.hpp"

#include <catch2/catch.hpp>

#include "config/words.hpp"

using namespace canary;

TEST_CASE("listen addresses are numeric, with a port, in their canonical form") {
  const std::pair<const char*, const char*> good[] = {
      {"127.0.0.1:8080", "127.0.0.1:8080"},
      {"0.0.0.0:0", "0.0.0.0:0"},
      {"[::1]:65535", "[::1]:65535"},
      {"[2001:DB8:0:0::1]:1", "[2001:db8::1]:1"},
  };
  for (const auto& [text, canonical] : good) {
    INFO(text);
    const auto address = config::parse_listen_address(text);
    REQUIRE(address.has_value());
    CHECK(address->to_string() == canonical);
  }
  for (const auto* bad : {"",
                          ":80",
                          "8080",
                          "127.0.0.1",
                          "localhost:80",
                          "127.0.0.1:",
                          "1.2.3:80",
                          "127.0.0.1:65536",
                          "127.0.0.1:-1",
                          "127.0.0.1:080",
                          "127.0.0.1:8x",
                          "::1:80",
                          "[::1]",
                          "[::1]80",
                          "[127.0.0.1]:80",
                          "[::1:80",
                          "[]:80",
                          "127.0.0.1:80:80",
                          " 127.0.0.1:80",
                          "[fe80::1%eth0]:80"}) {
    INFO(bad);
    CHECK_FALSE(config::parse_listen_address(bad).has_value());
  }
}

TEST_CASE("loopback is 127.0.0.0/8 and ::1, and not every address") {
  const auto is_loopback = [](const char* text) {
    return config::parse_listen_address(text).value().is_loopback();
  };
  CHECK(is_loopback("127.0.0.1:1"));
  CHECK(is_loopback("127.9.9.9:1"));
  CHECK(is_loopback("[::1]:1"));
  CHECK(is_loopback("[::ffff:127.0.0.1]:1"));
  CHECK_FALSE(is_loopback("0.0.0.0:1"));
  CHECK_FALSE(is_loopback("[::]:1"));
  CHECK_FALSE(is_loopback("128.0.0.1:1"));
  CHECK_FALSE(is_loopback("[::ffff:10.0.0.1]:1"));
}

TEST_CASE("an address block contains what its prefix covers") {
  struct Case {
    const char* block;
    const char* address;
    bool inside;
  };
  const Case cases[] = {
      {"10.0.0.0/8", "10.255.0.1", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"192.168.4.0/22", "192.168.7.255", true},
      {"192.168.4.0/22", "192.168.8.0", false},
      {"10.1.2.3", "10.1.2.3", true},
      {"10.1.2.3", "10.1.2.2", false},
      {"0.0.0.0/0", "1.2.3.4", true},
      {"0.0.0.0/0", "::1", false},
      {"::/0", "1.2.3.4", true},
      {"::1/128", "::1", true},
      {"2001:db8::/33", "2001:db8:7fff::", true},
      {"2001:db8::/33", "2001:db8:8000::", false},
      {"10.0.0.0/8", "::ffff:10.0.0.1", true},
  };
  for (const auto& [text, address, inside] : cases) {
    INFO(text << " " << address);
    const auto block = config::parse_address_block(text);
    REQUIRE(block.has_value());
    CHECK(block->contains(config::parse_ip(address).value()) == inside);
  }
  for (const auto* bad : {"", "10.0.0.0/33", "10.0.0.1/8", "::/129", "10.0.0.0/", "10.0.0.0/08",
                          "10.0.0.0/-1", "localhost", "10/8", "10.0.0.0/8/8"}) {
    INFO(bad);
    CHECK_FALSE(config::parse_address_block(bad).has_value());
  }
}

TEST_CASE("endpoints are http, a host, perhaps a port, and nothing more") {
  struct Case {
    const char* text;
    const char* url;
    const char* authority;
  };
  const Case good[] = {
      {"http://127.0.0.1:9001", "http://127.0.0.1:9001", "127.0.0.1:9001"},
      {"http://model.example", "http://model.example:80", "model.example"},
      {"HTTP://Model-1.Example:80/", "http://model-1.example:80", "model-1.example"},
      {"http://[::1]:9001", "http://[::1]:9001", "[::1]:9001"},
      {"http://my_server:65535", "http://my_server:65535", "my_server:65535"},
  };
  for (const auto& [text, url, authority] : good) {
    INFO(text);
    const auto endpoint = config::parse_endpoint(text);
    REQUIRE(endpoint.has_value());
    CHECK(endpoint->to_string() == url);
    CHECK(endpoint->authority() == authority);
  }
  for (const auto* bad : {"",
                          "http://",
                          "http:///",
                          "http://:80",
                          "127.0.0.1:80",
                          "ftp://a:1",
                          "http://a:0",
                          "http://a:65536",
                          "http://a:",
                          "http://a:1/x",
                          "http://a:1?q",
                          "http://a:1#f",
                          "http://u@a:1",
                          "http://u:p@a:1",
                          "http://a b:1",
                          "http://::1:80",
                          "http://[::1",
                          "http://[a]:1",
                          "http://1.2.3.256:1",
                          "http://1.2.3:1",
                          "http://-a:1",
                          "http://a..b:1",
                          "http://a:1:1",
                          "http://a%00b:1",
                          "https://a:1",
                          "http://\xC3\xA9:1"}) {
    INFO(bad);
    CHECK_FALSE(config::parse_endpoint(bad).has_value());
  }
  CHECK(config::parse_endpoint("https://a:1").error().message() ==
        "http://host:port; https is not supported yet");
}

TEST_CASE("path prefixes stay out of the gateway's own paths") {
  for (const auto* good :
       {"/", "/v1", "/v1/models/m:predict", "/internals", "/ofrepx", "/a%20b/", "/v1/internal"})
    CHECK(config::is_path_prefix(good));
  for (const auto* bad : {"", "v1", "/internal", "/internal/", "/internal/x", "/internal:x",
                          "/ofrep", "/ofrep/v1", "/a?b", "/a#b", "/a b", "/a\n", "/\xC3\xA9"})
    CHECK_FALSE(config::is_path_prefix(bad));
}

TEST_CASE("words that YAML takes for numbers or booleans are known") {
  for (const auto* typed : {"1", "-1", "+1", "010", "1.10", "1.", ".5", "1e5", "1.5E-3", "0x1F",
                            "0o17", ".inf", "-.inf", ".nan", "true", "False"})
    CHECK(config::looks_typed(typed));
  for (const auto* word : {"", "v1", "1a", "1.2.3", ".", "-", "+", "e5", "1e", "1e+", "yes", "on",
                           "nan", "inf", "1:30", "2024-01-01"})
    CHECK_FALSE(config::looks_typed(word));
}

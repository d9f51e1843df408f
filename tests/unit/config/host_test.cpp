#include "config/host.hpp"

#include <catch2/catch.hpp>

#include "config/address.hpp"

using namespace canary;

namespace {

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("a host is a name, absolute or not, or an address") {
  const std::string label63(63, 'a');
  const std::string name253 = repeated(std::string(49, 'a') + ".", 5) + "abc";
  REQUIRE(name253.size() == 253);
  for (const std::string& good :
       {std::string("a"), std::string("Model.Prod.svc"), std::string("model.prod.svc."),
        std::string("my_server"), std::string("_grpc._tcp.x"), std::string("1a.b"),
        std::string("xn--bcher-kva.example"), std::string("a.0xg"), std::string("0x.a"),
        std::string("127.0.0.1"), std::string("[::1]"), std::string("[::ffff:10.0.0.1]"), label63,
        name253, name253 + "."}) {
    INFO(good);
    CHECK(config::host_problem(good).empty());
  }
}

TEST_CASE("what is no host says what is wrong with it") {
  struct Row {
    std::string text, says;
  };
  const std::string ipv4 = "four decimal numbers";
  const Row rows[] = {
      {"", "missing"},
      {".", "in front of the dot"},
      {"..", "empty labels"},
      {"a..", "empty labels"},
      {".a", "empty labels"},
      {"a..b", "empty labels"},
      {"127.1", ipv4},
      {"0x7f.1", ipv4},
      {"0x7f", ipv4},
      {"127.0.0.0X1", ipv4},
      {"a.0x", ipv4},
      {"2130706433", ipv4},
      {"1.2.3.256", ipv4},
      {"010.0.0.1", ipv4},
      {"127.1.", ipv4},
      {"a.1", ipv4},
      {"127.0.0.1.", "without a dot at its end"},
      {"[::1%lo]", "without zone"},
      {"[fe80::1%25eth0]", "without zone"},
      {"[127.0.0.1]", "IPv6 address between the brackets"},
      {"[::1].", "']'"},
      {"[]", "IPv6 address between the brackets"},
      {"::1", "in brackets"},
      {"b\xC3\xBC"
       "cher.example",
       "xn--"},
      {"a b", "letters, digits"},
      {"a%2e", "letters, digits"},
      {"-a", "neither begin nor end"},
      {"a-.b", "neither begin nor end"},
      {std::string(64, 'a') + ".b", "at most 63 characters, not of 64"},
      {repeated(std::string(49, 'a') + ".", 5) + "abcd", "at most 253 characters, not of 254"},
      {repeated(std::string(49, 'a') + ".", 5) + "abcd.", "at most 253 characters, not of 254"},
  };
  for (const auto& [text, says] : rows) {
    INFO(text);
    CHECK_THAT(config::host_problem(text), Catch::Contains(says));
    CHECK(config::parse_host(text).has_error());
  }
}

TEST_CASE("a host to compare with has no final dot and no upper case") {
  CHECK(config::parse_host("Model.Example.").value() == "model.example");
  CHECK(config::parse_host("[2001:DB8::1]").value() == "[2001:db8::1]");
  CHECK(config::parse_host("a:80").error().message() == "a host name or address without port");
}

TEST_CASE("an absolute endpoint keeps its dot for the resolver, and its Host has none") {
  const auto url = config::parse_endpoint("http://Model.prod.svc.cluster.local.:9001").value();
  CHECK(url.host == "model.prod.svc.cluster.local.");
  CHECK(url.to_string() == "http://model.prod.svc.cluster.local.:9001");
  CHECK(url.authority() == "model.prod.svc.cluster.local:9001");
  CHECK(config::parse_endpoint("http://a.").value().authority() == "a");
}

TEST_CASE("what is wrong with a URL's host is said where the URL stands") {
  const std::pair<const char*, const char*> endpoints[] = {
      {"http://127.1:80", "http://host:port with an IPv4 address as four decimal numbers"},
      {"http://.:80", "http://host:port with a name in front of the dot"},
      {"http://:80", "http://host:port with a host, which is missing"},
      {"http://[::1%lo]:80", "http://host:port with an IPv6 address without zone"},
      {"http://::1", "http://host:port with an IPv6 address in brackets"},
      {"http://a:65536", "http://host:port with a port 1..65535"},
      {"http://a..:1", "http://host:port with a name without empty labels"},
  };
  for (const auto& [text, says] : endpoints) {
    INFO(text);
    CHECK_THAT(config::parse_endpoint(text).error().message(), Catch::StartsWith(says));
  }
  const std::string rule(config::web_url_rule);
  const std::pair<const char*, std::string> urls[] = {
      {"https://127.1/x", rule + "; with an IPv4 address as four decimal numbers"},
      {"https://b\xC3\xBC"
       "cher.example/x",
       rule + "; with an international name"},
      {"https://a/\xC3\xBC", rule + "; other characters than ASCII's as %XX"},
      {"https://u@a/x", rule},
      {"https://a/x#y", rule},
  };
  for (const auto& [text, says] : urls) {
    INFO(text);
    CHECK_THAT(config::parse_web_url(text).error().message(), Catch::StartsWith(says));
  }
  CHECK(config::parse_web_url("https://hooks.example.com.:8443/x?y").value() ==
        "https://hooks.example.com.:8443/x?y");
}

TEST_CASE("an authority is a host and perhaps a port") {
  CHECK(config::parse_authority("a.example.:8080").value() == "a.example:8080");
  CHECK(config::parse_authority("A.example.").value() == "A.example");
  CHECK(config::parse_authority("[::1]:1").value() == "[::1]:1");
  CHECK(config::parse_authority("[::1]").value() == "[::1]");
  const std::string rule(config::authority_rule);
  const std::pair<const char*, std::string> bad[] = {
      {"a:", rule + " with a port 1..65535"},          {"a:0", rule + " with a port 1..65535"},
      {"a:080", rule + " with a port 1..65535"},       {"a:65536", rule + " with a port 1..65535"},
      {"a:1x", rule + " with a port 1..65535"},        {":80", rule + "; a host, which is missing"},
      {".:80", rule + "; a name in front of the dot"},
  };
  for (const auto& [text, says] : bad) {
    INFO(text);
    CHECK(config::parse_authority(text).error().message() == says);
  }
}

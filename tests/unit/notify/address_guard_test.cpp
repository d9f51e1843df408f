#include "notify/address_guard.hpp"

#include <catch2/catch.hpp>

#include "config/address.hpp"

using namespace canary;

namespace {

std::string refusal(const std::string& ip, std::uint16_t port,
                    const std::vector<config::ListenAddress>& own = {}) {
  const auto parsed = config::parse_ip(ip);
  REQUIRE(parsed);
  return notify::refusal({*parsed, port}, own);
}

}  // namespace

TEST_CASE("loopback, private and public addresses may be sent to") {
  for (const auto* ip : {"127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "::1",
                         "fd00::1", "1.2.3.4", "2600::1", "100.64.0.1"}) {
    INFO(ip);
    CHECK(refusal(ip, 80).empty());
  }
}

TEST_CASE(
    "link-local, metadata, multicast and unspecified addresses are refused in every spelling") {
  for (const auto* ip : {"169.254.169.254",   "169.254.0.1",
                         "fe80::1",           "febf::1",
                         "224.0.0.1",         "239.1.1.1",
                         "ff02::1",           "0.0.0.0",
                         "0.1.2.3",           "::",
                         "255.255.255.255",   "100.100.100.200",
                         "168.63.129.16",     "192.0.0.192",
                         "fd00:ec2::254",     "::ffff:169.254.169.254",
                         "::ffff:0.0.0.0",    "64:ff9b::a9fe:a9fe",
                         "2002:a9fe:a9fe::1", "::169.254.169.254"}) {
    INFO(ip);
    CHECK_FALSE(refusal(ip, 80).empty());
  }
}

TEST_CASE("our own listener is refused, and nothing beside it") {
  const std::vector<config::ListenAddress> own = {{"127.0.0.1", 9901}};
  CHECK(refusal("127.0.0.1", 9901, own) == "this gateway's own listener");
  CHECK(refusal("::ffff:127.0.0.1", 9901, own) == "this gateway's own listener");
  CHECK(refusal("127.0.0.1", 9902, own).empty());
  CHECK(refusal("10.0.0.1", 9901, own).empty());
}

TEST_CASE("a listener on every address is refused on every address of this host") {
  const std::vector<config::ListenAddress> own = {{"0.0.0.0", 443}};
  CHECK_FALSE(refusal("127.0.0.1", 443, own).empty());
  CHECK_FALSE(refusal("127.1.2.3", 443, own).empty());
  CHECK(refusal("203.0.113.7", 443, own).empty());  // no host's: documentation (RFC 5737)
  CHECK(refusal("127.0.0.1", 444, own).empty());
}

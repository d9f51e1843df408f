#include "traffic/client_address.hpp"

#include <catch2/catch.hpp>

#include "config/address.hpp"

using namespace canary;
using namespace canary::traffic;

namespace {

std::string text(const IpAddress& address) {
  config::IpText out;
  return std::string(config::write_ip(address, out));
}

std::string member(std::string_view text_of_it) {
  const auto address = forwarded_address(text_of_it);
  return address ? text(*address) : "none";
}

std::vector<config::AddressBlock> blocks(const std::vector<std::string>& texts) {
  std::vector<config::AddressBlock> out;
  for (const std::string& each : texts) out.push_back(config::parse_address_block(each).value());
  return out;
}

/// `lines`: in the order of the head.
std::string client(const std::string& peer, const std::vector<std::string>& trusted,
                   const std::vector<std::string>& lines) {
  const auto trusted_blocks = blocks(trusted);
  ClientWalk walk(trusted_blocks, *config::parse_ip(peer));
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) walk.take(*line);
  return text(walk.client());
}

}  // namespace

TEST_CASE("one client has one address, however X-Forwarded-For spells it", "[client_address]") {
  struct Row {
    std::string member, address;
  };
  const Row rows[] = {
      {"203.0.113.7", "203.0.113.7"},
      {"203.0.113.7:4711", "203.0.113.7"},
      {"203.0.113.7:0", "203.0.113.7"},
      {"\"203.0.113.7:4711\"", "203.0.113.7"},
      {"::ffff:203.0.113.7", "203.0.113.7"},
      {"::FFFF:cb00:7107", "203.0.113.7"},
      {"[::ffff:203.0.113.7]:4711", "203.0.113.7"},
      {"::ffff:203.0.113.7:4711", "203.0.113.7"},
      {"2001:db8::1", "2001:db8::1"},
      {"2001:DB8:0::1", "2001:db8::1"},
      {"2001:0db8:0:0:0:0:0:1", "2001:db8::1"},
      {"2001:db8:0:0:0:0:0:1:4711", "2001:db8::1"},
      {"[2001:db8::1]", "2001:db8::1"},
      {"[2001:db8::1]:4711", "2001:db8::1"},
      {"\"[2001:DB8::1]:4711\"", "2001:db8::1"},
      {"fe80::1%eth0", "fe80::1"},
      {"[fe80::1%25eth0]:4711", "fe80::1"},
      {"unknown", "none"},
      {"_hidden", "none"},
      {"_hidden:4711", "none"},
      {"", "none"},
      {"\"\"", "none"},
      {"\"", "none"},
      {"example.com", "none"},
      {"203.0.113", "none"},
      {"203.0.113.256", "none"},
      {"203.0.113.07", "none"},
      {"203.0.113.7:", "none"},
      {"203.0.113.7:x", "none"},
      {"203.0.113.7:123456", "none"},
      {"203.0.113.7%eth0", "none"},
      {"203.0.113.7 198.51.100.1", "none"},
      {"[203.0.113.7]", "none"},
      {"[2001:db8::1", "none"},
      {"[2001:db8::1]x", "none"},
      {"[2001:db8::1]:", "none"},
      {"2001:db8::1]", "none"},
      {std::string("203.0.113.7\0", 12), "none"},
      {std::string(1000, '1'), "none"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.member);
    CHECK(member(row.member) == row.address);
  }
}

TEST_CASE("the client is the first untrusted address from the end", "[client_address]") {
  struct Row {
    const char* what;
    std::string peer;
    std::vector<std::string> trusted, lines;
    std::string client;
  };
  const std::vector<std::string> ten{"10.0.0.0/8"}, both{"10.0.0.0/8", "2001:db8:5::/48"};
  const Row rows[] = {
      {"nobody is trusted", "10.0.0.1", {}, {"203.0.113.7"}, "10.0.0.1"},
      {"the peer is not trusted", "192.0.2.1", ten, {"203.0.113.7"}, "192.0.2.1"},
      {"one proxy", "10.0.0.1", ten, {"203.0.113.7"}, "203.0.113.7"},
      {"no list", "10.0.0.1", ten, {}, "10.0.0.1"},
      {"an empty list", "10.0.0.1", ten, {"", " , ,"}, "10.0.0.1"},
      {"three proxies", "10.0.0.1", ten, {"203.0.113.7, 10.0.0.3, 10.0.0.2"}, "203.0.113.7"},
      {"over several lines",
       "10.0.0.1",
       ten,
       {"203.0.113.7", "10.0.0.3", "10.0.0.2"},
       "203.0.113.7"},
      {"spaces and empty members",
       "10.0.0.1",
       ten,
       {"203.0.113.7 ,, ", ",10.0.0.3\t, "},
       "203.0.113.7"},
      {"what a client has invented",
       "10.0.0.1",
       ten,
       {"10.9.9.9, 198.51.100.1", "203.0.113.7, 10.0.0.2"},
       "203.0.113.7"},
      {"all are trusted", "10.0.0.1", ten, {"10.0.0.4, 10.0.0.3", "10.0.0.2"}, "10.0.0.4"},
      {"garbage ends the walk", "10.0.0.1", ten, {"203.0.113.7, unknown, 10.0.0.2"}, "10.0.0.2"},
      {"garbage from the peer itself", "10.0.0.1", ten, {"203.0.113.7, _x"}, "10.0.0.1"},
      {"ports of proxies", "10.0.0.1", ten, {"203.0.113.7:1, 10.0.0.2:2"}, "203.0.113.7"},
      {"proxies of both kinds",
       "2001:db8:5::1",
       both,
       {"203.0.113.7, [2001:DB8:5::2]:80, ::ffff:10.0.0.2"},
       "203.0.113.7"},
      {"a mapped peer", "::ffff:10.0.0.1", ten, {"203.0.113.7"}, "203.0.113.7"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(client(row.peer, row.trusted, row.lines) == row.client);
  }
}

TEST_CASE("a list without end is read no further than a chain of proxies is long",
          "[client_address]") {
  const auto trusted = blocks({"10.0.0.0/8"});
  const auto list = [](unsigned proxies) {
    std::string line = "203.0.113.7";
    for (unsigned i = 0; i < proxies; ++i) line += ", 10.0.0.2";
    return line;
  };
  CHECK(client("10.0.0.1", {"10.0.0.0/8"}, {list(ClientWalk::max_members - 1)}) == "203.0.113.7");
  CHECK(client("10.0.0.1", {"10.0.0.0/8"}, {list(ClientWalk::max_members)}) == "10.0.0.2");
  ClientWalk walk(trusted, *config::parse_ip("10.0.0.1"));
  walk.take(std::string(1 << 20, ','));
  CHECK(walk.done());
}

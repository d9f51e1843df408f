#include "traffic/bucket.hpp"

#include <catch2/catch.hpp>

#include "support/fake_request.hpp"

using namespace canary;
using namespace canary::traffic;
using tests::FakeRequest;
using Kind = config::StickySource::Kind;

TEST_CASE("murmur3_32 agrees with published vectors", "[bucket]") {
  struct Row {
    std::string text;
    std::uint32_t hash;
  };
  const Row rows[] = {{"", 0},
                      {"test", 0xba6bd213},
                      {"Hello, world!", 0xc0363e43},
                      {"The quick brown fox jumps over the lazy dog", 0x2e4ff723},
                      {std::string("\0\0\0\0", 4), 0x2362f9de},
                      {std::string("\0\0\0", 3), 0x85f0b427},
                      {std::string("\0\0", 2), 0x30f4c306},
                      {std::string("\0", 1), 0x514e28b7},
                      {"\x21\x43\x65\x87", 0xf55b516b},
                      {"\x21\x43\x65", 0x7e4a8634},
                      {"\x21\x43", 0xa0f7b07a},
                      {"\x21", 0x72661cf4},
                      {"\xff\xff\xff\xff", 0x76293b50}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(murmur3_32(row.text, "") == row.hash);
  }
}

TEST_CASE("the hash does not depend on where the two texts meet", "[bucket]") {
  const std::string_view text = "The quick brown fox jumps over the lazy dog";
  for (std::size_t i = 0; i <= text.size(); ++i)
    CHECK(murmur3_32(text.substr(0, i), text.substr(i)) == 0x2e4ff723);
}

TEST_CASE("buckets are those of flagd's fractional evaluation", "[bucket]") {
  CHECK(murmur3_32("dcf-engine", "user-1") == 0x018b8428);
  CHECK(bucket("dcf-engine", "user-1") == 60);
  CHECK(murmur3_32("dcf-engine", "user-2") == 0x9b654060);
  CHECK(bucket("dcf-engine", "user-2") == 6070);
  CHECK(murmur3_32("dcf-engine", "user-42") == 0x6c2d96d2);
  CHECK(bucket("dcf-engine", "user-42") == 4225);
}

TEST_CASE("buckets fill evenly", "[bucket]") {
  std::array<int, 10> tenths{};
  for (int user = 0; user < 100000; ++user) {
    const auto b = bucket("comp-critic", "user-" + std::to_string(user));
    REQUIRE(b < base::full_weight);
    ++tenths[b / 1000];
  }
  for (const int n : tenths) CHECK(std::abs(n - 10000) < 5 * 95);  // sigma is 95
}

TEST_CASE("the first sticky source that is present and not empty is the key", "[bucket]") {
  const std::vector<config::StickySource> sources{{Kind::header, "X-User-Id"},
                                                  {Kind::cookie, "uid"},
                                                  {Kind::query, "user"},
                                                  {Kind::client_address, ""}};
  FakeRequest request;
  std::string scratch;
  CHECK(sticky_key(sources, request, scratch) == "10.0.0.7");
  request.query_text = "a=b&user=q%31";
  CHECK(sticky_key(sources, request, scratch) == "q1");
  request.with("Cookie", "theme=dark; uid=c1");
  CHECK(sticky_key(sources, request, scratch) == "c1");
  request.with("x-user-id", "");
  CHECK(sticky_key(sources, request, scratch) == "c1");
  request.headers.back().second = "h1";
  CHECK(sticky_key(sources, request, scratch) == "h1");
  request.with("x-user-id", "h2");
  CHECK(sticky_key(sources, request, scratch) == "h1");
  request.headers[1].second = "";
  CHECK(sticky_key(sources, request, scratch) == "h2");
  CHECK(sticky_key({}, request, scratch).empty());
}

TEST_CASE("cookies are found by their exact name, over all Cookie lines", "[bucket]") {
  struct Row {
    std::vector<std::string> lines;
    std::string value;
  };
  const Row rows[] = {{{"uid=1"}, "1"},
                      {{"a=2; uid=1; b=3"}, "1"},
                      {{"a=2;uid=1"}, "1"},
                      {{"uid=1; uid=2"}, "1"},
                      {{"uid="}, ""},
                      {{"uid=; uid=2"}, "2"},
                      {{""}, ""},
                      {{}, ""},
                      {{"xuid=1"}, ""},
                      {{"uidx=1"}, ""},
                      {{"x-uid=1; uid-x=2"}, ""},
                      {{"UID=1"}, ""},
                      {{"uid"}, ""},
                      {{"uid=a=b"}, "a=b"},
                      {{"; ;uid=1"}, "1"},
                      {{" uid = 1 ;a=b"}, "1"},
                      {{"x=\"uid=2\"; uid=1"}, "1"},
                      {{"uid=\"1\""}, "1"},
                      {{"uid=\"\"; uid=3"}, "3"},
                      {{"uid=\""}, "\""},
                      {{"uid=\"1"}, "\"1"},
                      {{"uid=a%20b"}, "a%20b"},
                      {{"a=2", "uid=1"}, "1"},
                      {{"", "a=2", "b=3; uid=1"}, "1"},
                      {{"uid=1", "uid=2"}, "1"},
                      {{"uid=", "uid=2"}, "2"}};
  for (const Row& row : rows) {
    FakeRequest request;
    for (const std::string& line : row.lines) request.with("cookie", line);
    CAPTURE(row.lines);
    CHECK(cookie(request, "uid") == row.value);
  }
}

TEST_CASE("query parameters are found by their name and decoded as forms are", "[bucket]") {
  struct Row {
    std::string query, value;
  };
  const Row rows[] = {{"user=1", "1"},
                      {"a=2&user=1&b=3", "1"},
                      {"user=1&user=2", "1"},
                      {"user=", ""},
                      {"user=&user=2", "2"},
                      {"", ""},
                      {"xuser=1", ""},
                      {"userx=1", ""},
                      {"User=1", ""},
                      {"user", ""},
                      {"&&user=1", "1"},
                      {"user=a=b", "a=b"},
                      {"user=a%3Db", "a=b"},
                      {"user=a%20b", "a b"},
                      {"user=a+b", "a b"},
                      {"user=a%2Bb", "a+b"},
                      {"user=%61%6c%69%63%65", "alice"},
                      {"user=%61%6C%69%63%65", "alice"},
                      {"user=%c3%a9", "\xc3\xa9"},
                      {"user=%", "%"},
                      {"user=%4", "%4"},
                      {"user=%zz1", "%zz1"},
                      {"user=%2531", "%31"},
                      {"user=a;user=b", "a;user=b"},
                      {"u%73er=1", "1"},
                      {"u%73erx=1&%75%73%65%72=2", "2"}};
  for (const Row& row : rows) {
    std::string scratch;
    CAPTURE(row.query);
    CHECK(query_parameter(row.query, "user", scratch) == row.value);
  }
  std::string scratch;
  CHECK(query_parameter("my+user=1", "my%20user", scratch) == "1");
  CHECK(query_parameter("my%20user=1", "my%20user", scratch) == "1");
}

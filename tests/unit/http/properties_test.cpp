#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "support/http_properties.hpp"

namespace canary::http {
namespace {

using namespace std::string_literals;

std::string pick(std::mt19937& random, const std::vector<std::string>& from) {
  return from[random() % from.size()];
}

/// A number of field lines, mostly in order, and now and then with one byte changed.
std::string random_fields(std::mt19937& random) {
  static const std::vector<std::string> names = {"Host",
                                                 "Content-Length",
                                                 "Transfer-Encoding",
                                                 "Connection",
                                                 "X-Hop",
                                                 "Expect",
                                                 "X-A",
                                                 "Upgrade",
                                                 "TE",
                                                 "Keep-Alive",
                                                 "Retry-After",
                                                 "Date",
                                                 "X-Forwarded-For",
                                                 "X-Forwarded-Host",
                                                 "X-Request-Id",
                                                 "Forwarded",
                                                 "Trailer",
                                                 "X-Model-Version",
                                                 "Cookie",
                                                 "X-Forwarded-Port"};
  static const std::vector<std::string> values = {"a",
                                                  "a:80",
                                                  "5",
                                                  "05",
                                                  "chunked",
                                                  "Chunked",
                                                  "close",
                                                  "upgrade",
                                                  "h2c, x/1",
                                                  "keep-alive, X-Hop",
                                                  "100-continue",
                                                  "",
                                                  "x y",
                                                  "[::1]",
                                                  "gzip, chunked",
                                                  "5, 5",
                                                  "\xff",
                                                  "a\tb",
                                                  "trailers"};
  static const std::vector<std::string> separators = {": ", ": ", ": ", ":", ":  ", ":\t"};
  std::string out;
  for (auto n = random() % 5; n-- > 0;)
    out += pick(random, names) + pick(random, separators) + pick(random, values) + "\r\n";
  return out;
}

void mutate(std::mt19937& random, std::string& text) {
  static const std::string odd = "\0\r\n \t:,;\"\x7f\x80xA5/#*"s;
  if (text.empty()) return;
  const auto at = random() % text.size();
  const char byte = odd[random() % odd.size()];
  switch (random() % 3) {
    case 0:
      text[at] = byte;
      break;
    case 1:
      text.insert(at, 1, byte);
      break;
    case 2:
      text.erase(at, 1);
      break;
  }
}

}  // namespace

TEST_CASE("Whatever request is accepted, what is sent upstream can be read in one way only") {
  std::mt19937 random(20241018);
  int accepted = 0;
  RequestHead head;
  for (int round = 0; round < 30000; ++round) {
    auto raw = pick(random, {"GET", "POST", "HEAD", "OPTIONS", "CONNECT"}) + " " +
               pick(random, {"/", "/a?b", "*", "http://b", "http://b:80/x?", "/a#b", "x"}) + " " +
               pick(random, {"HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0"}) + "\r\n" +
               (random() % 4 == 0 ? "" : "Host: a\r\n") + random_fields(random) + "\r\n";
    if (random() % 2 == 0) mutate(random, raw);
    INFO(raw);
    REQUIRE(request_violation(raw, random() % 2 == 0) == "");
    accepted += head.parse(raw, {}).status == 0;
  }
  CHECK(accepted > 1000);
}

TEST_CASE("Whatever response is accepted, what is sent to the client can be read in one way only") {
  std::mt19937 random(20241019);
  int accepted = 0;
  ResponseHead head;
  for (int round = 0; round < 30000; ++round) {
    auto raw = pick(random, {"HTTP/1.1", "HTTP/1.0"}) + " " +
               pick(random, {"200", "204", "304", "100", "101", "503", "099", "599", "600"}) + " " +
               pick(random, {"OK", "", "Not Here", "\xff"}) + "\r\n" + random_fields(random) +
               "\r\n";
    if (random() % 2 == 0) mutate(random, raw);
    INFO(raw);
    const bool to_head = random() % 4 == 0;
    REQUIRE(response_violation(raw, to_head, random() % 2 == 0) == "");
    accepted += head.parse(raw, to_head, {}).status == 0;
  }
  CHECK(accepted > 1000);
}

}  // namespace canary::http

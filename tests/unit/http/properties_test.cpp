#include <rapidcheck.h>

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
  ParsedRequestHead head;
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

TEST_CASE("However a connection's bytes are cut, the same requests are read of them") {
  std::mt19937 random(20241020);
  const std::vector<std::string> bodies = {
      "", "Content-Length: 5\r\n\r\nhello",
      "Transfer-Encoding: chunked\r\n\r\n5;a\r\nhello\r\n0\r\nX: y\r\n\r\n",
      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"};
  int whole = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string stream;
    for (auto n = 1 + random() % 4; n-- > 0;) {
      const auto& body = bodies[random() % bodies.size()];
      stream += pick(random, {"", "", "\r\n"}) + pick(random, {"GET", "POST"}) +
                " /x HTTP/1.1\r\nHost: a\r\n" + (body.empty() ? "\r\n" : body);
    }
    if (random() % 2 == 0) mutate(random, stream);
    INFO(stream);
    REQUIRE(stream_violation(stream, static_cast<std::uint32_t>(random())) == "");
    const auto log = read_requests(stream, [](std::size_t left) { return left; });
    whole += log.find("refused") == log.npos && log.find("broken") == log.npos;
  }
  CHECK(whole > 1000);
}

namespace {

rc::Gen<std::string> text_of(const std::string& characters, std::size_t least) {
  return rc::gen::map(
      rc::gen::suchThat(rc::gen::container<std::string>(rc::gen::elementOf(characters)),
                        [=](const std::string& text) { return text.size() >= least; }),
      [](std::string text) { return text.substr(0, 40); });
}

const std::string letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// Fields that the gateway has no business with: they must arrive as they are, in their order.
rc::Gen<std::vector<std::pair<std::string, std::string>>> plain_fields() {
  const auto name = rc::gen::map(text_of(letters + "!#$%&'*+.^`|~", 1),
                                 [](const std::string& text) { return "Q-" + text; });
  const auto value =
      rc::gen::map(text_of(letters + " \t!\"#$%&'()*+,-./:;<=>?@[]\\^_`{|}~\x80\xff", 0),
                   [](const std::string& text) { return oracle::stripped(text); });
  return rc::gen::container<std::vector<std::pair<std::string, std::string>>>(
      rc::gen::pair(name, value));
}

std::string lines(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string out;
  for (const auto& [name, value] : fields) out += name + ": " + value + "\r\n";
  return out;
}

}  // namespace

TEST_CASE("Any valid request survives the way to the upstream") {
  REQUIRE(rc::check([] {
    const auto method = *text_of(letters + "-_", 1);
    const auto path = "/" + *text_of(letters + "%-._~!$&'()*+,;=:@/?|{}\\", 0);
    const auto fields = *plain_fields();
    const auto length = *rc::gen::inRange<std::uint64_t>(0, 1000000);
    RC_PRE(method != "CONNECT" && fields.size() < 90);
    const auto raw = method + " " + path + " HTTP/1.1\r\nHost: a\r\n" + lines(fields) +
                     "Content-Length: " + std::to_string(length) + "\r\n\r\n";
    ParsedRequestHead head;
    RC_ASSERT(oracle::request_problem(raw) == "");
    RC_ASSERT(head.parse(raw, {}).status == 0);
    const auto out = test::built(build_request_head, head,
                                 {.host = "up:1", .client_address = "10.0.0.9", .request_id = "i"});
    RC_ASSERT(out.starts_with(method + " " + path + " HTTP/1.1\r\nHost: up:1\r\n" + lines(fields) +
                              "Via: 1.1 canary-gateway\r\n"));
    RC_ASSERT(out.ends_with("Content-Length: " + std::to_string(length) + "\r\n\r\n"));
    RC_ASSERT(oracle::request_problem(out) == "");
  }));
}

TEST_CASE("Any valid response survives the way to the client") {
  REQUIRE(rc::check([] {
    const auto status = std::to_string(*rc::gen::inRange(200, 600));
    const auto reason = oracle::stripped(*text_of(letters + " \t!:", 0));
    const auto fields = *plain_fields();
    const auto length = *rc::gen::inRange<std::uint64_t>(0, 1000000);
    RC_PRE(status != "204" && status != "304" && fields.size() < 90);
    const auto raw = "HTTP/1.1 " + status + " " + reason + "\r\n" + lines(fields) +
                     "Content-Length: " + std::to_string(length) + "\r\n\r\n";
    ResponseHead head;
    RC_ASSERT(oracle::response_problem(raw) == "");
    RC_ASSERT(head.parse(raw, false, {}).status == 0);
    RC_ASSERT(head.content_length == length && head.framing == Framing::length);
    const auto out =
        test::built(build_response_head, head, {.request_id = "i", .model_version = "v"});
    RC_ASSERT(out == "HTTP/1.1 " + status + " " + reason + "\r\n" + lines(fields) +
                         "X-Request-Id: i\r\nX-Model-Version: v\r\nContent-Length: " +
                         std::to_string(length) + "\r\n\r\n");
  }));
}

}  // namespace canary::http

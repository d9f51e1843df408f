#include "notify/signature.hpp"

#include <catch2/catch.hpp>

using namespace canary::notify;

// The first row is Standard Webhooks' own example. Each was computed with Python:
//   base64.b64encode(hmac.new(key, b"id.timestamp.body", hashlib.sha256).digest())
TEST_CASE("a message is signed as Standard Webhooks asks") {
  const struct {
    const char *secret, *id, *timestamp, *body, *signature;
  } rows[] = {
      {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
       "{\"test\": 2432232314}", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
      {"a plain secret", "id", "1700000000", "{\"a\":1}",
       "v1,41SEGN1grkNfuKgwt3YvRw/En1fwywlbP6KqSiIDdRA="},
  };
  for (const auto& row : rows) {
    const auto key = signing_key(row.secret);
    REQUIRE(key);
    CHECK(sign(*key, row.id, row.timestamp, row.body) == row.signature);
  }
}

TEST_CASE("a secret is base64 behind whsec_, or the text as it stands") {
  CHECK(signing_key("whsec_aGVsbG8=") == "hello");
  CHECK(signing_key("whsec_aGVsbG8h") == "hello!");
  CHECK(signing_key("whsec_aGVsbA==") == "hell");
  CHECK(signing_key("aGVsbG8=") == "aGVsbG8=");
  CHECK(signing_key("") == "");
  for (const auto* bad : {"whsec_", "whsec_abc", "whsec_a b=", "whsec_aGV$bG8="})
    CHECK_FALSE(signing_key(bad));
}

TEST_CASE("a short hash is the front of the SHA-256") {
  CHECK(short_hash("http://127.0.0.1:9100/tickets", 12) == "b666919cfbe8");
  CHECK(short_hash("", 8) == "e3b0c442");
}

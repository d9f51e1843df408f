#include "notify/target.hpp"

#include <catch2/catch.hpp>

using namespace canary;
using namespace canary::notify;
using Kind = config::Notify::Kind;

namespace {

config::Notify entry(Kind kind, std::string url, std::string url_env = "", std::string channel = "",
                     std::string secret_env = "") {
  return {kind, std::move(url), std::move(url_env), std::move(channel), std::move(secret_env), {}};
}

const char* variables(const char* name) {
  const std::string_view asked = name;
  if (asked == "SLACK") return "https://hooks.example.com/services/T0/B0/secret";
  if (asked == "BAD") return "hooks.example.com/secret";
  if (asked == "EMPTY") return "";
  if (asked == "KEY") return "whsec_aGVsbG8=";
  if (asked == "BAD_KEY") return "whsec_!";
  return nullptr;
}

}  // namespace

TEST_CASE("a receiver is known by what the file says of it, and shows no secret") {
  const struct {
    config::Notify entry;
    const char *key, *shown, *problem;
  } rows[] = {
      {entry(Kind::slack, "", "SLACK", "#incidents"), "slack #incidents $SLACK", "slack #incidents",
       ""},
      {entry(Kind::slack, "", "SLACK"), "slack $SLACK", "slack $SLACK", ""},
      {entry(Kind::webhook, "http://127.0.0.1:9100/tickets"),
       "webhook http://127.0.0.1:9100 b666919cfbe8", "webhook http://127.0.0.1:9100", ""},
      {entry(Kind::webhook, "https://a.example?token=secret"),
       "webhook https://a.example a337eff4ec5a", "webhook https://a.example", ""},
      {entry(Kind::log, ""), "log", "log", ""},
      {entry(Kind::webhook, "", "NONE"), "webhook $NONE", "webhook",
       "notify[1].url_env names an environment variable that is not set"},
      {entry(Kind::webhook, "", "EMPTY"), "webhook $EMPTY", "webhook $EMPTY",
       "notify[1].url_env names an environment variable that is not set"},
      {entry(Kind::webhook, "", "BAD"), "webhook $BAD", "webhook $BAD",
       "notify[1].url_env names an environment variable that does not hold an http or https URL, "
       "without user name and fragment"},
      {entry(Kind::webhook, "", "SLACK", "", "NONE"), "webhook $SLACK", "webhook $SLACK",
       "notify[1].secret_env names an environment variable that is not set"},
      {entry(Kind::webhook, "", "SLACK", "", "BAD_KEY"), "webhook $SLACK", "webhook $SLACK",
       "notify[1].secret_env names an environment variable that does not hold base64 behind "
       "whsec_"},
  };
  for (const auto& row : rows) {
    const Target target = target_of(row.entry, "notify[1]", variables);
    INFO(row.shown);
    CHECK(target.key == row.key);
    CHECK(target.shown == row.shown);
    CHECK(target.problem == row.problem);
    CHECK(target.key.find("secret") == std::string::npos);
  }
}

TEST_CASE("the URL and the key come from the environment") {
  const Target target =
      target_of(entry(Kind::webhook, "", "SLACK", "", "KEY"), "notify[0]", variables);
  CHECK(target.url == "https://hooks.example.com/services/T0/B0/secret");
  CHECK(target.secret == "hello");
  CHECK(target.problem.empty());
}

TEST_CASE("two URLs of one host are two receivers") {
  const auto key = [](const char* url) {
    return target_of(entry(Kind::webhook, url), "notify[0]", variables).key;
  };
  CHECK(key("http://a/1") != key("http://a/2"));
  CHECK(key("http://a/1") == key("http://a/1"));
}

#include <catch2/catch.hpp>

#include "config/words.hpp"
#include "unit/config/texts.hpp"

using namespace canary;
using namespace canary::config;
using namespace canary::config_test;

TEST_CASE("receivers are read, in the file's order") {
  const Loaded loaded = load(
      "notify:\n"
      "  - { kind: slack, url_env: SLACK_URL, channel: '#incidents', on: [rollback, hold] }\n"
      "  - { kind: webhook, url: 'http://127.0.0.1:9100/t?a=b', secret_env: _S1 }\n"
      "  - { kind: log, on: [reminder] }\n" +
      good);
  INFO(said(loaded.errors));
  REQUIRE(loaded.ok());
  Notify slack{Notify::Kind::slack, "", "SLACK_URL", "#incidents", "", {}};
  slack.on = {NoticeKind::rollback, NoticeKind::hold};
  Notify webhook{Notify::Kind::webhook, "http://127.0.0.1:9100/t?a=b", "", "", "_S1", {}};
  Notify log{Notify::Kind::log, "", "", "", "", {NoticeKind::reminder}};
  CHECK(loaded.config.notify == std::vector<Notify>{slack, webhook, log});
  CHECK(slack.wants(NoticeKind::hold));
  CHECK_FALSE(slack.wants(NoticeKind::step));
  CHECK(webhook.wants(NoticeKind::command));  // no `on`: everything
}

TEST_CASE("every word of `on` is the name of its kind") {
  std::string words;
  const std::vector<NoticeKind> kinds = {
      NoticeKind::rollback, NoticeKind::step,     NoticeKind::phase,     NoticeKind::hold,
      NoticeKind::promoted, NoticeKind::reminder, NoticeKind::complaint, NoticeKind::command};
  for (const NoticeKind kind : kinds) (words += words.empty() ? "" : ", ") += name(kind);
  const Loaded loaded = load("notify: [{ kind: log, on: [" + words + "] }]\n" + good);
  REQUIRE(loaded.ok());
  CHECK(loaded.config.notify.at(0).on == kinds);
}

TEST_CASE("a receiver's mistakes are told where they stand") {
  const std::string url_rule = "an http or https URL, without user name and fragment";
  const std::string variable(variable_rule);
  const std::pair<std::string, std::string> cases[] = {
      {"{}", "1:10 notify[0].kind: nothing -> slack, webhook or log"},
      {"{ kind: pager }", "1:18 notify[0].kind: a text (not shown) -> slack or webhook or log"},
      {"{ kind: slack }", "1:10 notify[0].url: nothing -> a URL, or url_env beside kind"},
      {"{ kind: webhook, url: 'http://a', url_env: A }",
       "1:53 notify[0].url_env: a text (not shown) -> url or url_env, not both"},
      {"{ kind: log, url: 'http://a' }",
       "1:28 notify[0].url: a text (not shown) -> no URL: this is the gateway's log"},
      {"{ kind: webhook, url: 'http://a', channel: x }",
       "1:53 notify[0].channel: a text (not shown) -> no channel: only slack has them"},
      {"{ kind: slack, url: 'http://a', secret_env: X }",
       "1:54 notify[0].secret_env: a text (not shown) -> no secret: only a webhook is signed"},
      {"{ kind: slack, url: a }", "1:30 notify[0].url: a text (not shown) -> " + url_rule},
      {"{ kind: slack, url_env: A-B }",
       "1:34 notify[0].url_env: a text (not shown) -> " + variable},
      {"{ kind: slack, url_env: A, channel: \"a\\nb\" }",
       "1:46 notify[0].channel: a text (not shown) -> a channel of at most 100 bytes without "
       "spaces, '/' and ':', such as #incidents"},
      {"{ kind: log, on: [] }",
       "1:27 notify[0].on: [] -> at least one word, or no key: then it is told all"},
      {"{ kind: log, on: [hold, hold] }",
       "1:34 notify[0].on[1]: a text (not shown) -> each word once"},
      {"{ kind: log, on: [all] }",
       "1:28 notify[0].on[0]: a text (not shown) -> rollback or step or phase or hold or promoted "
       "or reminder or "
       "complaint or command"},
      {"{ kind: log }, { kind: log, on: [hold] }",
       "1:25 notify[1]: the receiver of notify[0] -> each receiver once, with all its words in one "
       "`on`"},
  };
  for (const auto& [entries, errors] : cases) {
    INFO(entries);
    CHECK(short_errors("notify: [" + entries + "]\n" + good) == errors);
  }
  std::string many;
  for (int i = 0; i < 17; ++i) many += "{ kind: slack, url: 'http://h" + std::to_string(i) + "' },";
  CHECK(short_errors("notify: [" + many + "]\n" + good).find("at most 16 receivers") !=
        std::string::npos);
}

TEST_CASE("URLs of receivers and of the admin listener are http or https, and nothing odd") {
  const auto receiver = [](const std::string& url) {
    return load("notify: [{ kind: slack, url: '" + url + "' }]\n" + good).ok();
  };
  const auto admin = [](const std::string& url) {
    return load("admin: { url: '" + url + "' }\n" + good).ok();
  };
  for (const auto* url : {"http://a", "https://a.example:8443/b", "http://[::1]:1/",
                          "http://10.0.0.1", "https://a/b/@c"}) {
    INFO(url);
    CHECK(receiver(url));
    CHECK(admin(url));
  }
  CHECK(receiver("https://a?b=c"));
  CHECK_FALSE(admin("https://a?b=c"));
  for (const auto* url :
       {"", "a", "http://", "HTTP://a", "ftp://a", "http://u@a", "http://u:p@a/", "http://a/#f",
        "http://a:0", "http://a:65536", "http://a:", "http://a b", "http://999.1.1.1",
        "http://[::1", "http://[a]", "http://a/\u00e9", "file:///etc/passwd"}) {
    INFO(url);
    CHECK_FALSE(receiver(url));
    CHECK_FALSE(admin(url));
  }
}

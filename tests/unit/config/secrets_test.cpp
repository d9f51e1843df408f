// Whatever stands in the wrong place may be a secret: no problem repeats it.
#include <catch2/catch.hpp>

#include "config/scenario.hpp"
#include "unit/config/texts.hpp"

using namespace canary;
using namespace canary::config_test;

namespace {

// Nothing of these may come out; each is a secret of a kind that people have.
const std::vector<std::string> secrets = {"https://hooks.example.com/services/T0/B0/SECRET",
                                          "https://user:SECRET@example.com/hook",
                                          "whsec_SECRETSECRETSECRET",
                                          "SECRET",
                                          "SECRET-x y",
                                          "xoxb-1-SECRET",
                                          "SECRET=",
                                          "*SECRET",
                                          "0123456789abcdefSECRET"};

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

void demand_silence(const std::string& text) {
  INFO(text);
  const config::Loaded loaded = config::load(text);
  CHECK_FALSE(loaded.errors.empty());
  for (const auto* problems : {&loaded.errors, &loaded.warnings})
    for (const auto& problem : *problems) {
      INFO(problem.to_string("f"));
      CHECK(problem.to_string("f").find("SECRET") == std::string::npos);
    }
}

}  // namespace

TEST_CASE("a secret under a wrong key is not repeated") {
  for (const auto& secret : secrets) {
    const std::string s = quoted(secret);
    for (const std::string& line : {
             "notify: " + s,
             "notify: [" + s + "]",
             "notify: { a: " + s + " }",
             "notify: [[" + s + "]]",
             "notify: [{ kind: " + s + " }]",
             "notify: [{ kind: slack, url: [" + s + "] }]",
             "notify: [{ kind: log, url: " + s + " }]",
             "notify: [{ kind: slack, url: 'http://a', url_env: " + s + " }]",
             "notify: [{ kind: slack, " + s + ": x }]",
             "notify: [{ kind: slack, url: 'http://a', " + s + ": 1, " + s + ": 2 }]",
             "notify: [{ kind: log, on: [" + s + "] }]",
             "notify: [{ kind: webhook, url: 'http://a', channel: " + s + " }]",
             s + ": x",
             s + ": 1\n" + s + ": 2",
             "webhook: " + s,
             "data: " + s,
             "data: { listen: " + s + ", workers: " + s + ", trusted_proxies: [" + s + "] }",
             "data: { timeouts: { header: " + s + " }, limits: { request_body: " + s + " } }",
             "admin: { token: " + s + " }",
             "admin: { listen: " + s + " }",
             "admin: { url: " + s + " }\nx: 1",
             "admin: { allowed_hosts: [" + s + "] }\nx: 1",
             "access_log: { format: " + s + ", sample: " + s + " }",
         })
      demand_silence(line + "\n" + good);
    for (const std::string& line :
         {"failover: " + s, "hash: " + s, "attempt: " + s, "errors: { also: [" + s + "] }",
          "plan: { advance: " + s + ", phases: [" + s + "] }", "judge: { method: " + s + " }",
          "rollback: { ladder: [" + s + "] }", "sticky: [" + s + "]", "slo: " + s,
          "canary: { version: v2, endpoints: [" + s + "] }",
          "upstream: { on_client_abort: " + s + " }", "health: { path: " + s + ", x: 1 }"})
      demand_silence(under_model(line));
  }
}

TEST_CASE("a secret that is YAML's own syntax is not repeated") {
  for (const std::string text :
       {"a: *SECRET\n", "a: !SECRET x\n", "a: &SECRET [*SECRET]\n", "%SECRET 1\n---\na: 1\n",
        "a: \"\\SECRET\"\n", "a: [SECRET\n", "{SECRET: [}\n", "SECRET\n", "? [SECRET]\n: SECRET\n",
        "a: 'SECRET\n", "a: SECRET: SECRET\n", "- SECRET\n"})
    demand_silence(text);
}

TEST_CASE("a secret as a model's or a version's name is not repeated") {
  demand_silence("models: { 'SECRET/x': {} }");
  demand_silence("models: { 'SECRET/x': {}, 'SECRET/x': {} }");
  demand_silence("models: { m: { stable: { version: 'SECRET x', endpoints: ['SECRET'] } } }");
}

TEST_CASE("a receiver below notify shows not even a number; elsewhere figures are shown") {
  CHECK(errors_of("notify: [{ kind: 12345, url: 67890 }]\n" + good).find("12345") ==
        std::string::npos);
  CHECK(errors_of("data: { workers: 12345 }\n" + good).find("found 12345") != std::string::npos);
  for (const auto* figure : {"-1", "1h30m", "64KiB", "0.5%", "1e3", "yes", "0x10"})
    CHECK(errors_of("data: { limits: { connections: " + std::string(figure) + " } }\n" + good)
              .find("found " + std::string(figure) + ",") != std::string::npos);
  for (const auto* word : {"12345hunter", "a1b2c3d4", "1a2b3c4d5e6f", "1234-5678-9012"})
    CHECK(errors_of("data: { limits: { connections: " + std::string(word) + " } }\n" + good)
              .find(word) == std::string::npos);
}

TEST_CASE("the name of a variable is not the secret itself, nor is a channel a URL") {
  for (const std::string entry :
       {"{ kind: webhook, url: 'http://a', secret_env: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw }",
        "{ kind: slack, url: 'http://a', channel: 'https://hooks.example.com/services/x' }",
        "{ kind: slack, url: 'http://a', channel: 'a?b=c' }"})
    CHECK_FALSE(config::load("notify: [" + std::string(entry) + "]\n" + good).ok());
  CHECK(config::load("notify: [{ kind: slack, url: 'http://a', channel: '#a' }]\n" + good).ok());
}

// Every rule of the file, and exactly what breaking it says.
#include <catch2/catch.hpp>

#include "base/nearest_word.hpp"
#include "unit/config/texts.hpp"

using namespace canary;
using namespace canary::config_test;
using namespace std::chrono_literals;

namespace {

struct Case {
  const char* lines;   // under the model, from line 7 on
  const char* errors;  // without the file's name and "models.m." in front
};

const char* const v2 = "canary: { version: v2, endpoints: [\"http://127.0.0.1:2\"] }";

}  // namespace

TEST_CASE("a model's keys are checked one by one") {
  const Case cases[] = {
      {"failover: maybe", "7:15 failover: a text (not shown) -> true or false"},
      {"attempt: 0", "7:14 attempt: 0 -> a whole number 1..4294967295"},
      {"timeouts: { connect: 0s }",
       "7:26 timeouts.connect: 0s -> a duration of 1ms..365d, such as 500ms, 30s, 15m or 7d"},
      {"timeouts: { total: 366d }",
       "7:24 timeouts.total: 366d -> a duration of 0s..365d, such as 500ms, 30s, 15m or 7d"},
      {"timeouts: 5s", "7:15 timeouts: 5s -> a map of keys"},
      {"timeouts:", "7:5 timeouts: nothing -> a map of keys"},
      {"slo: {}", "7:5 slo.latency_p95: nothing -> a duration, such as 200ms"},
      {"slo: { latency_p95: 1s, of: last }",
       "7:33 slo.of: a text (not shown) -> total or first_byte"},
      {"errors: { also: [399] }", "7:22 errors.also[0]: 399 -> a whole number 400..499"},
      {"errors: { also: [404, 404] }", "7:27 errors.also[1]: 404 -> each code once"},
      {"errors: { also: 404 }", "7:21 errors.also: 404 -> a list"},
      {"sticky: [{ header: a b }]",
       "7:24 sticky[0].header: a text (not shown) -> a name of letters, digits and "
       "!#$%&'*+-.^_`|~"},
      {"sticky: [{ header: a, cookie: b }]",
       "7:14 sticky[0]: several of them -> exactly one of header, cookie, query"},
      {"sticky: [{}]", "7:14 sticky[0]: none of them -> exactly one of header, cookie, query"},
      {"sticky: [address]",
       "7:14 sticky[0]: a text (not shown) -> { header: NAME }, { cookie: NAME }, { query: NAME } "
       "or "
       "client_address"},
      {"override: { at_zero: true }",
       "7:5 override: none of them -> at least one of header, cookie"},
      {"judge: { window: 8d }",
       "7:22 judge.window: 8d -> a duration of 1s..7d, such as 500ms, 30s, 15m or 7d"},
      {"judge: { min_samples: 0 }", "7:27 judge.min_samples: 0 -> a whole number 1..1000000000"},
      {"judge: { method: bayes }", "7:22 judge.method: a text (not shown) -> threshold"},
      {"success: { error_rate: 101% }",
       "7:28 success.error_rate: 101% -> a percentage 0..100, such as 10, 0.5 or 0.5%"},
      {"upstream: { max_idle_per_worker: 65536 }",
       "7:38 upstream.max_idle_per_worker: 65536 -> a whole number 0..65535"},
      {"canary: {}",
       "7:5 canary.version: nothing -> a name of 1..100 letters, digits, '.', '_' and '-' that "
       "begins with a letter or digit | "
       "7:5 canary.endpoints: nothing -> at least one http://host:port"},
  };
  for (const auto& [lines, errors] : cases) {
    INFO(lines);
    CHECK(short_errors(under_model(lines)) == errors);
  }
}

TEST_CASE("what is not supported yet is refused, with the place of its key") {
  const std::string left_out = " -> this key left out: it is not supported yet";
  const std::string else_ = "; anything else is not supported yet";
  const std::pair<const char*, std::string> cases[] = {
      {"hash: launchdarkly", "7:5 hash: a text (not shown)" + left_out},
      {"quality: [{ kind: truth }]", "7:5 quality: a list -> []" + else_},
      {"judge: { method: sequential }",
       "7:22 judge.method: a text (not shown) -> threshold; sequential is not supported yet"},
      {"judge: { false_rollback_rate: 1% }", "7:14 judge.false_rollback_rate: 1%" + left_out},
      {"judge: { per: 7d }", "7:14 judge.per: 7d" + left_out},
      {"upstream: { on_client_abort: finish }",
       "7:17 upstream.on_client_abort: a text (not shown) -> cancel" + else_},
  };
  for (const auto& [lines, errors] : cases) {
    INFO(lines);
    CHECK(short_errors(under_model(lines)) == errors);
  }
  for (const auto* off :
       {"quality: []", "triggers: { critical_bug: false }",
        "upstream: { on_client_abort: 'cancel' }", "judge: { method: threshold }"})
    CHECK(short_errors(under_model(off)).empty());
}

TEST_CASE("a limit of requests in flight and a warm-up are numbers and durations in their ranges") {
  const std::pair<const char*, const char*> cases[] = {
      {"upstream: { max_in_flight: 1000000 }", ""},
      {"upstream: { max_in_flight: -1 }",
       "7:32 upstream.max_in_flight: -1 -> a whole number 0..1000000"},
      {"upstream: { max_in_flight: none }",
       "7:32 upstream.max_in_flight: a text (not shown) -> a whole number 0..1000000"},
      {"warm_up: { requests: 50, duration: 30s }", ""},
      {"warm_up: { requests: 0, duration: 0s }", ""},
      {"warm_up: 50", "7:14 warm_up: 50 -> a map of keys"},
      {"warm_up: { requests: 30s }", "7:26 warm_up.requests: 30s -> a whole number 0..1000000000"},
  };
  for (const auto& [lines, errors] : cases) {
    INFO(lines);
    CHECK(short_errors(under_model(lines)) == errors);
  }
}

TEST_CASE("routes have a condition, and no two are the same") {
  const auto match = [](const std::string& entries) {
    return short_errors(
        "models: { m: { stable: { version: v1, endpoints: [\"http://a:1\"] },\n  match: " +
        entries + " } }\n");
  };
  CHECK(match("[{}]") ==
        "2:11 match[0]: none of them -> at least one of path_prefix, host, header, kserve");
  CHECK(match("[{ path_prefix: /internal/x }]") ==
        "2:26 match[0].path_prefix: a text (not shown) -> a path that begins with '/', without "
        "'?', '#' or "
        "spaces, outside /internal and /ofrep");
  CHECK(match("[{ host: 'a:80' }]") ==
        "2:19 match[0].host: a text (not shown) -> a host name or address without port");
  CHECK(match("[{ header: { A: b, C: d } }]") ==
        "2:21 match[0].header: a map -> exactly one header, as { Name: value }");
  CHECK(match("[{ header: X }]") ==
        "2:21 match[0].header: a text (not shown) -> one header, as { Name: value }");
  CHECK(
      match("[{ header: { A: \"b\\r\\nC: d\" } }]") ==
      "2:26 match[0].header.A: a text (not shown) -> a header value without control characters or "
      "surrounding spaces");
  CHECK(match("[{ header: { A b: c } }]") ==
        "2:28 match[0].header.(not shown): a text (not shown) -> a header value under a name of "
        "letters, digits and "
        "!#$%&'*+-.^_`|~");
  CHECK(match("[{ host: A.example, header: { X: y } }, { header: { x: y }, host: a.Example }]") ==
        "2:50 match[1]: the route of models.m.match[0] -> a route that no other entry has");
  CHECK(match("[{ kserve: v3 }]") == "2:21 match[0].kserve: a text (not shown) -> v1 or v2");
  CHECK(match("[{ kserve: v2, path_prefix: /a }]") ==
        "2:21 match[0].kserve: a text (not shown) -> path_prefix or kserve, not both");
  CHECK(match("[{ name: a }]") ==
        "2:11 match[0]: none of them -> at least one of path_prefix, host, header, kserve | "
        "2:19 match[0].name: a text (not shown) -> kserve beside it");
  CHECK(match("[{ host: a, name: b }]") ==
        "2:28 match[0].name: a text (not shown) -> kserve beside it");
  CHECK(match("[{ kserve: v1, name: 'a b' }]") ==
        "2:31 match[0].name: a text (not shown) -> 1..200 visible ASCII characters, no spaces");
  CHECK(match("[{ kserve: v2 }, { kserve: v2, name: m }]") ==
        "2:27 match[1]: the route of models.m.match[0] -> a route that no other entry has");
  CHECK(
      match("[{ kserve: v1 }, { kserve: v2 }, { kserve: v2, name: a/b }, { kserve: v2, host: a }]")
          .empty());
  CHECK(match("[{ host: a }, { host: a, header: { X: y } }, { header: { X: z } }]").empty());
}

TEST_CASE("version names stand once in the file") {
  CHECK(short_errors(under_model("canary: { version: v1, endpoints: [\"http://a:2\"] }")) ==
        "7:24 canary.version: v1, as models.m.stable.version -> a version name that stands once in "
        "the file");
  CHECK(
      short_errors(good + "  n:\n    match: [{ path_prefix: /n }]\n    stable: { version: v1, "
                          "endpoints: [\"http://a:2\"] }\n") ==
      "9:24 models.n.stable.version: v1, as models.m.stable.version -> a version name that stands "
      "once in the file");
  CHECK(short_errors("models: { 'a b': { match: [{ host: a }], stable: { version: v, endpoints: "
                     "[\"http://a:1\"] } } }") ==
        "1:11 models.(not shown): a text (not shown) -> a name of 1..100 letters, digits, '.', '_' "
        "and '-' that begins "
        "with a letter or digit");
}

TEST_CASE("endpoints stand once per version, and one server for both versions is warned of") {
  CHECK(short_errors(
            under_model("canary: { version: v2, endpoints: [\"http://a:1\", \"http://A:1/\"] }")) ==
        "7:54 canary.endpoints[1]: a text (not shown) -> each endpoint once");
  CHECK(short_errors(
            under_model("canary: { version: v2, endpoints: [\"http://a:1\", \"http://a.:1\"] }")) ==
        "7:54 canary.endpoints[1]: a text (not shown) -> each endpoint once");
  CHECK(short_errors(under_model("canary: { version: v2, endpoints: [] }")) ==
        "7:39 canary.endpoints: [] -> at least one http://host:port");
  const auto shared =
      config::load(under_model("canary: { version: v2, endpoints: [\"http://127.0.0.1:1\"] }"));
  CHECK(shared.ok());
  CHECK(said(shared.warnings) ==
        "f:7:28: models.m.canary.endpoints: found http://127.0.0.1:1, as stable, expected another "
        "endpoint, or both versions are one server\n");
}

TEST_CASE("a link that leads nowhere is warned of, where messages would carry it") {
  const std::string canary = "canary: { version: v2, endpoints: [\"http://127.0.0.1:9\"] }";
  struct Row {
    const char* admin;
    bool notify, warned;
  };
  const Row rows[] = {
      {"listen: \"0.0.0.0:9901\", token_file: t", true, true},
      {"listen: \"[::]:9901\", token_file: t", true, true},
      {"listen: \"127.0.0.1:0\"", true, true},
      {"listen: \"127.0.0.1:9901\"", true, false},
      {"listen: \"10.1.2.3:9901\", token_file: t", true, false},
      {"listen: \"0.0.0.0:9901\", token_file: t, url: \"http://gw\"", true, false},
      {"listen: \"0.0.0.0:9901\", token_file: t", false, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.admin, row.notify);
    const auto loaded =
        config::load("admin: { " + std::string(row.admin) + " }\n" +
                     (row.notify ? "notify: [{ kind: log }]\n" : "") + under_model(canary));
    CHECK(loaded.ok());
    CHECK((said(loaded.warnings).find("admin.url") != std::string::npos) == row.warned);
  }
}

TEST_CASE("a limit under which a hanging version could not be judged is warned of") {
  const std::string canary = "canary: { version: v2, endpoints: [\"http://127.0.0.1:9\"] }";
  const auto warnings = [&](const std::string& more) {
    return said(config::load(under_model(canary + "\n    " + more)).warnings);
  };
  CHECK(warnings("upstream: { max_in_flight: 99 }") ==
        "f:8:32: models.m.upstream.max_in_flight: found 99, expected more, or a smaller "
        "judge.min_samples or timeouts.first_byte: a version that hangs has 198 samples in a "
        "judge.window, too few to be taken out\n");
  CHECK(warnings("upstream: { max_in_flight: 100 }").empty());
  CHECK(warnings("upstream: { max_in_flight: 0 }").empty());
  CHECK(warnings("upstream: { max_in_flight: 32 }\n    timeouts: { first_byte: 10s }").empty());
  CHECK(warnings("upstream: { max_in_flight: 32 }\n    judge: { min_samples: 50 }").empty());
}

TEST_CASE("a probe fits into its interval, and without a path there is none") {
  const config::Health health = config::load(under_model("health: {}")).config.models[0].health;
  CHECK(health == config::Health{"", 2s, 1s, 3, 2, 5});
  CHECK(config::load(under_model("health: { path: '/a?b', interval: 4s, timeout: 4s, "
                                 "unhealthy_after: 1, healthy_after: 1, eject_after_failures: 0 }"))
            .config.models[0]
            .health == config::Health{"/a?b", 4s, 4s, 1, 1, 0});
  CHECK(short_errors(under_model("health: { path: /, timeout: 3s }")) ==
        "7:33 health.timeout: 3s -> at most health.interval, which is 2s");
  CHECK(short_errors(under_model("health: { path: /, interval: 300ms }")) ==
        "7:34 health.interval: 300ms -> at least health.timeout, which is 1s");
  CHECK(
      short_errors(under_model("health: { path: ready }")) ==
      "7:21 health.path: a text (not shown) -> a path that begins with '/', without '#' or spaces");
  const auto rests = config::load(under_model("health: { interval: 5s }"));
  CHECK(rests.ok());
  CHECK(said(rests.warnings) ==
        "f:7:25: models.m.health.interval: found a probe without path, expected health.path "
        "beside it, or it rests\n");
}

TEST_CASE("success stays below its trigger") {
  CHECK(short_errors(under_model("success: { error_rate: 1% }")) ==
        "7:28 success.error_rate: 1% -> at most triggers.error_rate, which is 0.5%");
  CHECK(short_errors(under_model("triggers: { error_rate: 0.01% }")) ==
        "7:29 triggers.error_rate: 0.01% -> at least success.error_rate, which is 0.1%");
  CHECK(short_errors(under_model("success: { error_rate: 0.5 }")).empty());
  CHECK(short_errors(under_model("slo: { latency_p95: 1s }\n    success: { latency_p95: 151% }")) ==
        "8:29 success.latency_p95: 151% -> at most triggers.latency_p95, which is 150%");
  CHECK(short_errors(under_model("success: { error_rate: 2% }\n    triggers: { error_rate: x }"))
            .find("at most") == std::string::npos);
  CHECK(short_errors(under_model("success: { quality_degradation: 20% }")) ==
        "7:37 success.quality_degradation: 20% -> at most triggers.quality_degradation, which is "
        "15%");
  CHECK(said(config::load(under_model("success: { latency_p95: 90% }")).warnings) ==
        "f:7:29: models.m.success.latency_p95: found a latency limit without slo, expected slo "
        "beside it, or it rests\n");
}

TEST_CASE("a limit of quality is taken, with a warning where it stands in the file") {
  const auto loaded = config::load(under_model("triggers: { quality_degradation: 250% }"));
  REQUIRE(loaded.ok());
  CHECK(loaded.config.models[0].triggers.quality_degradation == 2.5);
  CHECK(loaded.config.models[0].success.quality_degradation == 0.05);
  CHECK(said(loaded.warnings) ==
        "f:7:38: models.m.triggers.quality_degradation: found a quality limit, expected nothing: "
        "nothing measures quality yet, it rests, except in a rehearsal\n");
  CHECK(config::load(under_model("plan: {}")).warnings.size() == 1);  // a plan without canary
}

TEST_CASE("listeners do not take one address") {
  const auto top = [](const std::string& lines) { return short_errors(lines + "\n" + good); };
  CHECK(top("data: { listen: '127.0.0.1:9901' }") ==
        "1:17 data.listen: 127.0.0.1:9901 -> an address that admin.listen does not take");
  CHECK(top("data: { listen: '0.0.0.0:9901' }") != "");
  CHECK(top("data: { listen: '127.0.0.2:9901' }").empty());
  CHECK(top("data: { listen: '127.0.0.1:0' }\nadmin: { listen: '127.0.0.1:0' }").empty());
  CHECK(top("observe: { listen: '127.0.0.1:9901' }") ==
        "1:20 observe.listen: 127.0.0.1:9901 -> an address that admin.listen does not take");
  CHECK(top("data: { listen: ['127.0.0.1:7', '127.0.0.1:7'] }") ==
        "1:33 data.listen[1]: a text (not shown) -> each address once");
  CHECK(top("data: { listen: ['127.0.0.1:0', '127.0.0.1:0'] }").empty());
  // One family, one port, and one of them every address; the two families go together.
  CHECK(top("data: { listen: ['0.0.0.0:7', '127.0.0.1:7'] }") ==
        "1:31 data.listen[1]: 127.0.0.1:7 -> an address that 0.0.0.0:7 does not take");
  CHECK(top("data: { listen: ['[::1]:7', '[::]:7'] }") ==
        "1:29 data.listen[1]: [::]:7 -> an address that [::1]:7 does not take");
  CHECK(top("data: { listen: ['0.0.0.0:7', '[::]:7'] }").empty());
  CHECK(top("data: { listen: ['[::]:7', '127.0.0.1:7'] }").empty());
  CHECK(top("data: { listen: [] }") == "1:17 data.listen: [] -> at least one address");
  CHECK(top("admin: { listen: '0.0.0.0:9901' }") ==
        "1:18 admin.listen: 0.0.0.0:9901 -> a loopback address, or admin.token_file beside it");
  CHECK(top("admin: { listen: '0.0.0.0:9901', token_file: /t }").empty());
  CHECK(top("observe: {}") == "1:1 observe.listen: nothing -> a numeric address and a port");
}

TEST_CASE("the access log and the limits are checked") {
  const auto top = [](const std::string& lines) { return short_errors(lines + "\n" + good); };
  CHECK(top("access_log: { format: text }") ==
        "1:1 access_log.path: nothing -> the path of a file | 1:23 access_log.format: a text (not "
        "shown) -> json");
  CHECK(top("data: { limits: { header_bytes: 4KiB } }") ==
        "1:33 data.limits.header_bytes: 4KiB -> a size of 8KiB..1MiB, such as 512, 64KiB or 1GiB");
  CHECK(top("data: { limits: { header_count: 257 } }") ==
        "1:33 data.limits.header_count: 257 -> a whole number 1..256");
  CHECK(top("data: { limits: { min_rate: 2MiB } }") ==
        "1:29 data.limits.min_rate: 2MiB -> a size of 0..1MiB, such as 512, 64KiB or 1GiB");
  CHECK(top("data: { limits: { min_rate: 0 } }").empty());
  CHECK(top("data: { trusted_proxies: [10.0.0.1/8] }") ==
        "1:27 data.trusted_proxies[0]: a text (not shown) -> a block whose address has no bits "
        "behind its "
        "prefix, such as 10.0.0.0/8");
}

TEST_CASE("an unknown key names the nearest known one") {
  const std::vector<std::string> keys{"listen", "token_file", "rollout_percentage", "version"};
  const std::pair<const char*, const char*> cases[] = {
      {"listne", "listen"},
      {"lisen", "listen"},
      {"token", "token_file"},
      {"rollout_percent", "rollout_percentage"},
      {"percentage", "rollout_percentage"},
      {"Version", "version"},
      {"tokenFile", "token_file"},
      {"xyz", ""},
      {"", ""},
      {"qqqqqqqqqqqq", ""},
  };
  for (const auto& [word, meant] : cases) {
    INFO(word);
    CHECK(base::nearest_word(word, keys) == meant);
  }
  CHECK(base::nearest_word(std::string(100'000, 'v'), keys).empty());
  CHECK(short_errors(under_model("polcy: x"))
            .starts_with("7:5 polcy: an unknown key -> a known key; "
                         "here: match, stable, canary, "));
}

TEST_CASE("what was found is short") {
  const std::string long_name(900, 'x');  // YAML's keys have at most 1024 characters
  const auto loaded = config::load("state_dir: \"a\\u0007\"\n" + good + "    " + long_name +
                                   ": 1\n    attempt: " + long_name + "\n");
  REQUIRE(loaded.errors.size() == 3);
  for (const auto& problem : loaded.errors) CHECK(problem.to_string("f").size() < 700);
}

TEST_CASE("a problem without a place or a key says so by leaving them out") {
  CHECK(config::Problem{0, 0, "", "x", "y"}.to_string("a.yaml") == "a.yaml: found x, expected y");
  CHECK(config::Problem{3, 4, "k", "x", "y"}.to_string("a.yaml") ==
        "a.yaml:3:4: k: found x, expected y");
}

TEST_CASE("an endpoint that is certainly one of the gateway's own listeners is refused") {
  const std::string listens =
      "data: { listen: ['0.0.0.0:7', '[::1]:8'] }\nadmin: { listen: '127.0.0.1:9' }\n"
      "observe: { listen: '[::]:10' }\n";
  const auto said = [&](const std::string& endpoint) {
    return short_errors(listens +
                        "models: { m: { match: [{ path_prefix: / }], stable: { version: v1, "
                        "endpoints: [\"http://" +
                        endpoint + "\"] } } }");
  };
  for (const auto* own :
       {"127.0.0.1:7", "127.9.9.9:7", "0.0.0.0:7", "localhost:7", "[::ffff:127.0.0.1]:7", "[::1]:8",
        "localhost:8", "a.localhost:7", "[::]:8", "127.0.0.1:9", "0.0.0.0:9", "127.0.0.1:10",
        "[::1]:10", "localhost:10", "LOCALHOST:9"}) {
    INFO(own);
    CHECK(said(own).find("of this gateway -> the address of a model's server") !=
          std::string::npos);
  }
  for (const auto* other : {"127.0.0.1:8", "[::1]:7", "127.0.0.2:9", "10.0.0.1:9", "[::1]:9",
                            "model.example:7", "localhost:11", "10.0.0.1:7"}) {
    INFO(other);
    CHECK(said(other).empty());
  }
}

TEST_CASE("a reload may not change where the gateway listens and keeps its state") {
  const auto changed = [](const std::string& lines) {
    const auto current = config::load(good);
    const auto next = config::load(lines + "\n" + good);
    REQUIRE(next.ok());
    return config::changed_fixed_keys(current.config, next.config);
  };
  using Keys = std::vector<std::string>;
  CHECK(changed("").empty());
  CHECK(changed("data: { listen: '0.0.0.0:8080', limits: { connections: 5 } }").empty());
  CHECK(changed("data: { listen: '0.0.0.0:8081' }") == Keys{"data.listen"});
  CHECK(changed("data: { workers: 3 }") == Keys{"data.workers"});
  CHECK(changed("state_dir: /x") == Keys{"state_dir"});
  CHECK(changed("admin: { listen: '127.0.0.1:7', token_file: /t }") ==
        Keys{"admin.listen", "admin.token_file"});
  CHECK(changed("admin: { url: 'http://a' }") == Keys{"admin.url"});
  CHECK(changed("notify: [{ kind: log }]").empty());
  CHECK(changed("admin: { allowed_hosts: [gateway.example] }") == Keys{"admin.allowed_hosts"});
  CHECK(changed("observe: { listen: '127.0.0.1:7' }") == Keys{"observe.listen"});
  CHECK(changed("access_log: { path: /l }") == Keys{"access_log.path"});
  const auto more = config::load(under_model(v2));
  REQUIRE(more.ok());
  CHECK(config::changed_fixed_keys(config::load(good).config, more.config).empty());
}

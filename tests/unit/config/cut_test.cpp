// A file that ends early is told from one that was edited.
#include "config/cut.hpp"

#include <catch2/catch.hpp>

#include "config/load.hpp"

using namespace canary;
using namespace canary::config;

namespace {

const std::string whole = R"(# the gateway's file
data: { listen: "127.0.0.1:18080" }
models:
  a:
    match: [{ path_prefix: /a }]
    stable: { version: a_v1, endpoints: ["http://127.0.0.1:9001"] }
    canary: { version: a_v2, endpoints: ["http://127.0.0.1:9002"], rollout_percentage: 100 }
    slo: { latency_p95: 1s }
    plan: { phases: [{ percentage: 5, hold: 1h }] }
  b:
    match: [{ path_prefix: /b }]
    stable: { version: b_v1, endpoints: ["http://127.0.0.1:9003"] }
notify:
  - { kind: log }
)";

std::string up_to(const std::string& what) { return whole.substr(0, whole.find(what)); }
std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

const std::string block = R"(models:
  m:
    match:
      - path_prefix: /a
      - path_prefix: /b
    stable: { version: m_v1, endpoints: ["http://127.0.0.1:9001"] }
    plan:
      phases:
        - percentage: 10
          hold: 7d
        - percentage: 50
          hold: 7d
        - percentage: 100
          hold: 1h30m
      advance: manual
    canary:
      version: m_v2
      endpoints: ["http://127.0.0.1:9002"]
      rollout_percentage: 5
)";

/// Up to and with `what`.
std::string through(const std::string& text, const std::string& what) {
  return text.substr(0, text.find(what) + what.size());
}

}  // namespace

TEST_CASE("a text that ends early is known by its end") {
  struct Row {
    const char* what;
    std::string text;
    bool early;
  };
  const Row rows[] = {
      {"the same", whole, false},
      {"nothing", "", true},
      {"comments alone", "# the gateway's file\n\n", true},
      {"cut between two lines", up_to("    canary:"), true},
      {"cut within a line", up_to("02\"]"), true},
      {"cut within the last line", up_to("log }"), true},
      {"an edited file, cut", replaced(up_to("    plan:"), "18080", "18081"), true},
      {"cut within a line that is new", replaced(up_to("    slo:"), "100 }\n", "90, x"), true},
      {"without the last line's end", whole.substr(0, whole.size() - 1), false},
      {"comments at the end", whole + "\n# the end\n", false},
      {"a line changed in the middle", replaced(whole, "100", "50"), false},
      {"a model taken out of the middle",
       replaced(whole, up_to("  b:").substr(whole.find("  a:")), ""), false},
      {"something added", whole + "access_log: { path: /tmp/a }\n", false},
      {"a last line that is new", up_to("notify:") + "state_dir: /tmp/x\n", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(ends_early(row.text, whole) == row.early);
  }
  CHECK_FALSE(ends_early("", ""));
}

TEST_CASE("every cut of a file ends early, wherever it is") {
  const std::size_t end = whole.size() - 2;  // the last line whole, or whole but for its end
  for (std::size_t i = 0; i < end; ++i) {
    CAPTURE(i);
    CHECK(ends_early(whole.substr(0, i), whole));
  }
}

TEST_CASE("a line that stands more than once does not hide a cut") {
  const std::string phases = through(replaced(block, "1h30m", "7d"), "100\n          hold: 7d\n");
  const std::string cut = through(phases, "hold: 7d\n");
  CHECK(ends_early(cut, phases));
  CHECK(ends_early(replaced(cut, "9001", "9009"), phases));
  CHECK_FALSE(ends_early(phases, phases));
  const std::string middle = "        - percentage: 50\n          hold: 7d\n";
  CHECK_FALSE(ends_early(replaced(phases, middle, ""), phases));
}

TEST_CASE("what a text lacks of the one in force is named") {
  const std::string canary =
      "    canary: { version: a_v2, endpoints: [\"http://127.0.0.1:9002\"], "
      "rollout_percentage: 100 }\n";
  const std::string plan = "    plan: { phases: [{ percentage: 5, hold: 1h }] }\n";
  const std::string slo = "    slo: { latency_p95: 1s }\n";
  const auto without = [](const std::string& text, const std::string& what) {
    return replaced(text, what, "");
  };
  const std::string alone = up_to("  b:");  // model a and nothing after it
  struct Row {
    std::string in_force, text, what;
    bool only_canaries;
  };
  const Row rows[] = {
      {whole, whole, "", true},
      {whole, replaced(whole, "18080", "18081"), "", false},
      {whole, up_to("notify:"), "notify", false},
      {whole, alone, "models.b, notify", false},
      {whole, up_to("    plan:"), "models.a.plan, models.b, notify", false},
      {whole, without(whole, plan), "models.a.plan", false},
      {whole, without(whole, slo), "models.a.slo", false},
      {whole, without(whole, canary), "models.a.canary", true},
      {alone, without(without(alone, plan), slo), "models.a.slo, models.a.plan", false},
      {alone, up_to("    canary:"), "models.a.canary, models.a.slo, models.a.plan", true},
      {alone, replaced(up_to("    canary:"), "a_v1", "a_v0"),
       "models.a.canary, models.a.slo, models.a.plan", false},
      {alone + "    failover: false\n", up_to("    canary:"),
       "models.a.canary, models.a.slo, models.a.plan, models.a.failover", false},
      {block, through(block, "path_prefix: /a\n"),
       "models.m.match[1], models.m.stable, models.m.plan, models.m.canary", false},
      {block, through(block, "percentage: 10\n          hold: 7d\n"),
       "models.m.plan.phases[1], models.m.plan.advance, models.m.canary", false},
      {block, through(block, "hold: 1h"),
       "the end of models.m.plan.phases[2].hold, models.m.plan.advance, models.m.canary", false},
      {block, through(block, "1h30m\n"), "models.m.plan.advance, models.m.canary", false},
      {block, through(block, "advance: manual\n"), "models.m.canary", true},
      {block, through(block, "9002\"]\n"), "models.m.canary.rollout_percentage", false},
      {block, through(block, "9002\"]"), "models.m.canary.rollout_percentage", false},
      {block, through(block, "rollout_percentage:"), "models.m.canary.rollout_percentage", false},
      {replaced(block, "_percentage: 5\n", "_percentage: 50\n"),
       through(block, "rollout_percentage: 5"), "the end of models.m.canary.rollout_percentage",
       false},
      {"a: |\n  one\n  two\n", "a: |\n  one\n", "the end of a", false},
      {"a: &a 1\nb: &ab 2\nc: *ab\n", "a: &a 1\nb: &ab 2\nc: *a", "the end of c", false},
      {"a: [1, 2, 3, 4]\n", "a: [1, 2]\n", "a[2]", false},
      {"a: 1\nb: 1\nc: 1\nd: 1\ne: 1\nf: 1\ng: 1\nh: 1\n", "a: 1\n", "b, c, d, e, f and 2 more",
       false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const Lack lack = lack_of(row.text, row.in_force);
    CHECK(lack.what() == row.what);
    CHECK(lack.only_canaries == row.only_canaries);
  }
}

TEST_CASE("no sound beginning of a file is believed that says something else") {
  for (const std::string& text : {whole, block}) {
    int sound = 0;
    for (std::size_t i = 1; i + 1 < text.size(); ++i) {
      const std::string beginning = text.substr(0, i);
      if (!load(beginning).ok()) continue;
      CAPTURE(beginning);
      ++sound;
      CHECK(ends_early(beginning, text));
      const bool lacks = !lack_of(beginning, text).keys.empty();
      CHECK(lacks);
    }
    CHECK(sound > 5);
  }
}

TEST_CASE("whether a key is missing is answered for the ones above and below it, too") {
  const Lack lack{{"data", "admin.allowed_hosts[1]", "the end of state_dir", "models.m.plan"}};
  for (const char* key :
       {"data", "data.listen", "admin.allowed_hosts", "state_dir", "models.m.plan"}) {
    CAPTURE(key);
    CHECK(lack.contains(key));
  }
  for (const char* key : {"dat", "database", "admin", "admin.listen", "state", "models.m"}) {
    CAPTURE(key);
    CHECK_FALSE(lack.contains(key));
  }
}

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

TEST_CASE("what a configuration lacks of the one in force is named") {
  const Config in_force = load(whole).config;
  struct Row {
    std::string text, what;
    bool only_canaries;
  };
  const Row rows[] = {
      {whole, "", true},
      {replaced(whole, "100", "50"), "", true},
      {up_to("notify:"), "receivers of notify", false},
      {up_to("  b:"), "model b, receivers of notify", false},
      {up_to("    plan:"), "the plan of a, model b, receivers of notify", false},
      {replaced(whole, "    plan: { phases: [{ percentage: 5, hold: 1h }] }\n", ""),
       "the plan of a", false},
      {replaced(whole, "    slo: { latency_p95: 1s }\n", ""), "the slo of a", false},
      {replaced(whole,
                whole.substr(whole.find("    canary:"),
                             whole.find("    slo:") - whole.find("    canary:")),
                ""),
       "the canary of a", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const Loaded next = load(row.text);
    for (const auto& problem : next.errors) FAIL(problem.to_string("file"));
    const Lack lack = lack_of(in_force, next.config);
    CHECK(lack.what == row.what);
    CHECK(lack.only_canaries == row.only_canaries);
  }
}

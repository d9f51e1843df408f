#include "admin/report.hpp"

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

#include "admin/markdown.hpp"
#include "stats/registry.hpp"

using namespace canary;
using namespace canary::admin;

namespace {

control::Figure figure(const std::string& version, std::uint32_t phase, int count, int failed) {
  stats::Registry registry(1);
  const auto version_stats = registry.version("m", version, {});
  for (int i = 0; i < count; ++i) {
    stats::Observation seen;
    seen.outcome = i < failed ? stats::Outcome::server_error : stats::Outcome::ok;
    seen.error = i < failed;
    seen.total = seen.first_byte = std::chrono::milliseconds(20);
    stats::record(version_stats->requests->at(0), version_stats->latency->at(0),
                  *version_stats->latency, seen);
  }
  return {"m", "m_v2", 1, phase, version, stats::sample(*version_stats), std::chrono::hours(26),
          {},  {}};
}

Report example() {
  Report report;
  report.model.model = "m";
  report.model.stable = "m_v1";
  report.model.canary = "m_v2";
  report.model.rollout.attempt = 1;
  report.model.rollout.status = rollout::Status::rolled_back;
  report.model.rollout.reason = "error rate 5% > 0.5%";
  auto earlier = figure("m_v2", 2, 5, 5);
  earlier.attempt = 0;  // what was before is in its own rows alone
  report.figures =
      figures_of(report.model, {earlier, figure("m_v2", 1, 150, 4), figure("m_v1", 1, 600, 0),
                                figure("m_v1", 2, 400, 1), figure("m_v2", 2, 50, 6)});
  store::HistoryRow row;
  row.entry = {
      config::EntryKind::rollback, "gateway", "error rate 5% | bad\nworse", std::nullopt, 1000, 0};
  report.rows = {row};
  return report;
}

}  // namespace

TEST_CASE("a report has figures, every decision and what is left to do, in sound Markdown") {
  const std::string text = report_markdown(example());
  CHECK_THAT(text, Catch::StartsWith("# m: m_v1 to m_v2\n"));
  CHECK_THAT(text, Catch::Contains("| m_v2 | canary | 200 | 10 | 5% | 20"));
  CHECK_THAT(text,
             Catch::Contains("| rollback | 10% -> 0% | gateway | error rate 5% \\| bad worse"));
  CHECK_THAT(text, Catch::Contains("## Lessons learned, to fill in\n- [ ]"));
  CHECK_THAT(text, Catch::Contains("Remove m_v2, or fix it and raise `attempt`"));
  CHECK_THAT(text, Catch::Contains("| 1 | 2 | m_v2 | canary | 50 | 6 | 12% | 20"));
  CHECK_THAT(text, Catch::Contains(" | 1 d 2 h |"));
  CHECK_THAT(text, Catch::Contains("- m_v2: ok 190, server_error 10\n"));
  auto complete = example();
  complete.model.rollout.status = rollout::Status::complete;
  CHECK_THAT(report_markdown(complete), Catch::Contains("Remove m_v1 after 30 days of stability"));
}

TEST_CASE("the report's JSON says the figures as numbers, and the block") {
  const auto report = example();
  const auto json = boost::json::parse(report_json(report)).as_object();
  CHECK(json.at("status").as_string() == "rolled_back");
  const auto& canary = json.at("versions").as_array().at(1).as_object();
  CHECK(canary.at("error_rate").to_number<double>() == Approx(0.05));
  CHECK(canary.at("p95_seconds").to_number<double>() == Approx(0.02).epsilon(0.01));
  CHECK(canary.at("requests").to_number<int>() == 200);
  CHECK(canary.at("outcomes").as_object().at("server_error").to_number<int>() == 10);
  CHECK(canary.at("seconds").to_number<double>() == 2 * 26 * 3600);
  const auto& phases = json.at("phases").as_array();
  REQUIRE(phases.size() == 5);
  CHECK(phases.at(0).at("attempt").to_number<int>() == 0);
  CHECK(phases.at(1).at("version").as_string() == "m_v1");
  CHECK(phases.at(2).at("errors").to_number<int>() == 4);
  CHECK(phases.at(4).at("phase").to_number<int>() == 2);
  CHECK(phases.at(4).at("errors").to_number<int>() == 6);
  CHECK(std::string(json.at("markdown").as_string()) == report_markdown(report));
}

TEST_CASE("text of people is neither Markdown nor HTML nor a terminal's") {
  struct Row {
    std::string text, shown;
  };
  const std::vector<Row> rows = {
      {"error rate 5% > 0.5% (42 of 1000)", "error rate 5% > 0.5% (42 of 1000)"},
      {"error_rate, p95", "error_rate, p95"},
      {"a | b\nc", "a \\| b c"},
      {"<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)>"},
      {"&lt;b&gt;", "&amp;lt;b&amp;gt;"},
      {"**bold** _it_ `code` ~~no~~", "\\*\\*bold\\*\\* \\_it\\_ \\`code\\` \\~\\~no\\~\\~"},
      {"[x](javascript:alert(1)) ![i](u)", "\\[x\\](javascript:alert(1)) \\!\\[i\\](u)"},
      {"see https://evil.example", "see https\\://evil.example"},
      {"a\\|b", "a\\\\\\|b"},
      {"\x1b[31m\xc2\x9b\xe2\x80\xae", "?\\[31m??"},
  };
  for (const auto& [text, shown] : rows) CHECK(markdown_text(text) == shown);
}

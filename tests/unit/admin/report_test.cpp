#include "admin/report.hpp"

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

#include "stats/registry.hpp"

using namespace canary;
using namespace canary::admin;

namespace {

std::shared_ptr<stats::VersionStats> observed(stats::Registry& registry, const std::string& version,
                                              int count, int failed) {
  auto stats = registry.version("m", version, {});
  for (int i = 0; i < count; ++i) {
    stats::Observation seen;
    seen.outcome = i < failed ? stats::Outcome::server_error : stats::Outcome::ok;
    seen.error = i < failed;
    seen.total = seen.first_byte = std::chrono::milliseconds(20);
    stats::record(stats->requests->at(0), stats->latency->at(0), *stats->latency, seen);
  }
  return stats;
}

Report example() {
  stats::Registry registry(1);
  Report report;
  report.model.model = "m";
  report.model.stable = "m_v1";
  report.model.canary = "m_v2";
  report.model.rollout.status = rollout::Status::rolled_back;
  report.model.rollout.reason = "error rate 5% > 0.5%";
  report.versions = {figures_of(*observed(registry, "m_v1", 1000, 1), "stable"),
                     figures_of(*observed(registry, "m_v2", 200, 10), "canary")};
  store::HistoryRow row;
  row.entry = {"rollback", "gateway", "error rate 5% | bad\nworse", std::nullopt, 1000, 0};
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
  CHECK(std::string(json.at("markdown").as_string()) == report_markdown(report));
}

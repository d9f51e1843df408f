// Whatever stands in a gateway's place, or does not know who asks.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "support/temp_dir.hpp"
#include "unit/cli/fixture.hpp"

using namespace canary;
using namespace canary::test;

TEST_CASE("what answers any JSON at all is no gateway, whatever is asked") {
  const struct {
    int status;
    std::string body, looked;
  } rows[] = {
      {200, R"({"error":"x"})", ""},
      {200, "{}", ""},
      {200, "[]", ""},
      {500, R"({"error":"x"})", ""},
      {404, R"({"error":{"code":"x"}})", ""},
      // The status was a gateway's, the answer is not.
      {200, R"({"error":"x"})", R"({"config":{},"models":[],"gateway":{},"latches":[]})"},
  };
  for (const auto& row : rows) {
    for (const bool json : {false, true}) {
      INFO(row.body << " " << json);
      FakeAdmin other(row.status, row.body, row.looked);
      Screen screen;
      const auto is_no_gateway = [&](int exit_status) {
        const std::string said = screen.out.str() + screen.err.str();
        screen.out.str("");
        screen.err.str("");
        return exit_status == cli::exit_unreachable &&
               said.find("is no canary-gateway") != std::string::npos;
      };
      auto rollout = ::options<cli::RolloutOptions>(other);
      rollout.model = "m";
      rollout.reason = "why";
      rollout.json = json;
      for (const auto run : {cli::run_rollback, cli::run_resume, cli::run_pause, cli::run_promote})
        CHECK(is_no_gateway(run(rollout, screen.terminal)));
      auto set = ::options<cli::SetOptions>(other);
      set.version = "m_v2";
      set.percent = "5";
      CHECK(is_no_gateway(cli::run_set(set, screen.terminal)));
      auto forget = ::options<cli::ForgetOptions>(other);
      forget.version = "m_v2";
      forget.reason = "why";
      CHECK(is_no_gateway(cli::run_forget(forget, screen.terminal)));
      if (!row.looked.empty()) continue;
      const auto plain = ::options<cli::Options>(other);
      CHECK(is_no_gateway(cli::run_status(plain, screen.terminal)));
      CHECK(is_no_gateway(cli::run_latches(plain, screen.terminal)));
      CHECK(
          is_no_gateway(cli::run_history(::options<cli::HistoryOptions>(other), screen.terminal)));
      auto report = ::options<cli::ReportOptions>(other);
      report.model = "m";
      CHECK(is_no_gateway(cli::run_report(report, screen.terminal)));
    }
  }
}

TEST_CASE("a refused token is told apart from none") {
  FakeAdmin admin(401, R"({"error":{"code":"unauthorized","message":"needs it"}})");
  const support::TempDir dir;
  const auto path = dir.path() / "token";
  std::ofstream(path) << std::string(32, 's') << "\n";
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  auto options = ::options<cli::Options>(admin);
  Screen none;
  CHECK(cli::run_status(options, none.terminal) == cli::exit_refused);
  CHECK(none.err.str() ==
        "canary-gateway: refused (401): this gateway asks for a token: give --token-file\n");
  options.token_file = path;
  Screen wrong;
  CHECK(cli::run_status(options, wrong.terminal) == cli::exit_refused);
  CHECK(wrong.err.str() ==
        "canary-gateway: refused (401): the token of --token-file is not this gateway's\n");
}

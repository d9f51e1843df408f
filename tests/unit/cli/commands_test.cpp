#include "cli/commands.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "unit/cli/fixture.hpp"

using namespace canary;
using namespace canary::test;

TEST_CASE("set puts the flag with who and why") {
  FakeAdmin admin(200, flag_answer, no_models);
  Screen screen;
  auto set = options<cli::SetOptions>(admin);
  set.version = "m v/2";
  set.percent = "5%";
  set.by = "ann";
  set.reason = "it's \"slow\"";
  CHECK(cli::run_set(set, screen.terminal) == cli::exit_ok);
  CHECK(admin.asked() == R"(PUT /internal/flags/m%20v%2F2 {"rollout_percentage":5,"by":"ann",)"
                         R"("reason":"it's \"slow\""})");
  CHECK(admin.content_type() == "application/json");
  CHECK(screen.out.str() == "m v/2: flag 5%, effective 5%, limited by flag\n");
  CHECK(screen.err.str().empty());
}

TEST_CASE("resume and rollback post who and why, and do nothing without a reason") {
  FakeAdmin admin(200, command_answer, no_models);
  auto options = ::options<cli::RolloutOptions>(admin);
  options.model = "m";
  options.by = "ann";
  {
    Screen screen;
    CHECK(cli::run_rollback(options, screen.terminal) == cli::exit_usage);
    CHECK(cli::run_resume(options, screen.terminal) == cli::exit_usage);
    CHECK(admin.asked().empty());
    CHECK(screen.err.str().find("needs --reason") != std::string::npos);
  }
  options.reason = "why";
  Screen screen;
  CHECK(cli::run_rollback(options, screen.terminal) == cli::exit_ok);
  CHECK(admin.asked() == R"(POST /internal/rollouts/m/rollback {"by":"ann","reason":"why"})");
  CHECK(cli::run_resume(options, screen.terminal) == cli::exit_ok);
  CHECK(admin.asked() == R"(POST /internal/rollouts/m/resume {"by":"ann","reason":"why"})");
  CHECK(screen.out.str() ==
        "m rolled back: canary at 0%, limited by cap\nm resumed: canary at 0%, limited by cap\n");
}

TEST_CASE("what changes something looks first, shows it, and says what it was decided on") {
  const auto looked = [](const std::string& rollout) {
    return R"({"config":{},"gateway":{},"models":[)"
           R"({"name":"other","canary":null},{"name":"m","canary":{"version":"m_v2"},)"
           R"("weight":{"effective":10},"rollout":{)" +
           rollout + "}}]}";
  };
  const std::string running = R"("status":"running","phase":2,"phases":3,"rollback":{"number":1})";
  const std::string latched = R"("status":"rolled_back","phase":null,"rollback":{"number":4})";
  const std::string paused = R"("status":"rolled_back","phase":1,"phases":3,"paused":true,)"
                             R"("rollback":{"number":4})";
  using Run = int (*)(const cli::RolloutOptions&, const cli::Terminal&);
  const struct {
    Run run;
    std::string rollout, expect, shown;
  } rows[] = {
      // Nobody named the phase that is shown.
      {cli::run_promote, running, R"({"rollback":1})",
       "acts on m: m_v2 at 10%, running, phase 2 of 3, rollback number 1\n"},
      {cli::run_pause, running, R"({"phase":2,"rollback":1})", "acts on m: "},
      {cli::run_rollback, running, R"({"rollback":1})", "acts on m: "},
      {cli::run_rollback, R"("status":"running","phase":null,"rollback":null)", R"({"rollback":0})",
       "acts on m: m_v2 at 10%, running\n"},
      {cli::run_resume, latched, R"({"rollback":4})",
       "acts on m: m_v2 at 10%, rolled_back, rollback number 4\n"},
      // It ends the pause: the rollback is not what is meant.
      {cli::run_resume, paused, R"({"phase":1})",
       "acts on m: m_v2 at 10%, rolled_back, phase 1 of 3, rollback number 4, paused\n"},
  };
  for (const auto& row : rows) {
    FakeAdmin admin(200, command_answer, looked(row.rollout));
    auto options = ::options<cli::RolloutOptions>(admin);
    options.model = "m";
    options.by = "ann";
    options.reason = "why";
    Screen screen;
    CHECK(row.run(options, screen.terminal) == cli::exit_ok);
    CHECK(admin.asked().find(R"("expect":)" + row.expect + "}") != std::string::npos);
    CHECK(screen.out.str().starts_with(row.shown));
    CHECK(admin.key().size() == 36);
    const std::string first = admin.key();
    CHECK(row.run(options, screen.terminal) == cli::exit_ok);
    CHECK(admin.key() != first);
    Screen raw;
    options.json = true;
    row.run(options, raw.terminal);
    CHECK(raw.out.str() == command_answer + "\n");
  }
  FakeAdmin promoted(200, command_answer, looked(running));
  auto promote = ::options<cli::RolloutOptions>(promoted);
  promote.model = "m";
  promote.reason = "why";
  promote.phase = 3;
  Screen named;
  CHECK(cli::run_promote(promote, named.terminal) == cli::exit_ok);
  CHECK(promoted.asked().find(R"("expect":{"phase":3,"rollback":1}})") != std::string::npos);
  FakeAdmin admin(200, flag_answer, looked(running));
  auto set = options<cli::SetOptions>(admin);
  set.version = "m_v2";
  Screen screen;
  set.percent = "5";
  CHECK(cli::run_set(set, screen.terminal) == cli::exit_ok);
  CHECK(admin.asked().find(R"("expect":{"phase":2,"rollback":1}})") != std::string::npos);
  set.percent = "0";
  CHECK(cli::run_set(set, screen.terminal) == cli::exit_ok);
  CHECK(admin.asked().find(R"("expect":{"rollback":1}})") != std::string::npos);
}

TEST_CASE("a command that came too late says so, and what was decided is shown") {
  FakeAdmin late(409, R"({"error":{"code":"expectation_failed","message":"is in phase 2 now"}})",
                 no_models);
  auto options = ::options<cli::RolloutOptions>(late);
  options.model = "m";
  options.reason = "why";
  Screen screen;
  CHECK(cli::run_promote(options, screen.terminal) == cli::exit_refused);
  CHECK(screen.err.str().find("refused (409): is in phase 2 now\nIt changed between") !=
        std::string::npos);
  FakeAdmin done(200,
                 R"({"model":"m","weight":{"effective":0,"limited_by":"cap"},)"
                 R"("durable":true,"message":"the pause is over"})",
                 no_models);
  options.admin = done.url();
  Screen shown;
  CHECK(cli::run_resume(options, shown.terminal) == cli::exit_ok);
  CHECK(shown.out.str() == "m resumed: canary at 0%, limited by cap\n  the pause is over\n");
}

TEST_CASE("forget looks first and says which rollback it means; it needs a reason") {
  const std::string latched = R"({"latches":[{"model":"m","canary":"m_v3","rollbacks":1},)"
                              R"({"model":"m","canary":"m_v2","rollbacks":4,"reason":"slow"}]})";
  FakeAdmin admin(200, R"({"version":"m_v2","forgotten":true})", latched);
  auto options = ::options<cli::ForgetOptions>(admin);
  options.version = "m_v2";
  options.by = "ann";
  Screen screen;
  CHECK(cli::run_forget(options, screen.terminal) == cli::exit_usage);
  CHECK(admin.asked().empty());
  options.reason = "never again";
  CHECK(cli::run_forget(options, screen.terminal) == cli::exit_ok);
  CHECK(admin.asked() == R"(POST /internal/latches/m_v2/forget {"by":"ann","reason":"never again",)"
                         R"("expect":{"rollback":4}})");
  CHECK(admin.key().size() == 36);
  CHECK(screen.out.str() ==
        "forgets m_v2 of m: rollback number 4, slow\n"
        "m_v2 forgotten: it begins anew if the file names it again\n");
  options.version = "m_v9";  // not latched: the gateway says what it knows
  CHECK(cli::run_forget(options, screen.terminal) == cli::exit_ok);
  CHECK(admin.asked().find("expect") == std::string::npos);
}

TEST_CASE("latches are listed; an empty name does not stand for every model's history") {
  FakeAdmin admin(200, R"({"history":[]})");
  auto history = options<cli::HistoryOptions>(admin);
  Screen screen;
  history.model_given = true;
  CHECK(cli::run_history(history, screen.terminal) == cli::exit_usage);
  CHECK(admin.asked().empty());
  history.model_given = false;
  CHECK(cli::run_history(history, screen.terminal) == cli::exit_ok);

  FakeAdmin lister(200, R"({"latches":[{"model":"m","canary":"m_v2",)"
                        R"("since":"2026-11-23T06:40:02.000Z","attempt":1,"rollbacks":1,)"
                        R"("reason":"too slow","named":false}]})");
  Screen list;
  CHECK(cli::run_latches(::options<cli::Options>(lister), list.terminal) == cli::exit_ok);
  CHECK(lister.asked() == "GET /internal/latches ");
  CHECK(list.out.str() == "m_v2  m  since 2026-11-23 06:40:02Z  not in the file  too slow\n");
}

TEST_CASE("status and history ask, and --json passes the answer on as it is") {
  const std::string body = R"({"history":[],"config":{},"models":[],"gateway":{},"x":1.50})";
  FakeAdmin admin(200, body);
  Screen screen;
  auto history = options<cli::HistoryOptions>(admin);
  history.model = "m";
  history.limit = 3;
  CHECK(cli::run_history(history, screen.terminal) == cli::exit_ok);
  CHECK(admin.asked() == "GET /internal/history?limit=3&model=m ");
  CHECK(screen.out.str() == "nothing has been decided yet\n");
  Screen raw;
  auto status = options<cli::Options>(admin);
  status.json = true;
  CHECK(cli::run_status(status, raw.terminal) == cli::exit_ok);
  CHECK(admin.asked() == "GET /internal/status ");
  CHECK(raw.out.str() == body + "\n");
}

TEST_CASE("a refusal is exit status 1 with the gateway's words") {
  const std::string body = R"({"error":{"code":"conflict","message":"resume it first"}})";
  FakeAdmin admin(409, body);
  auto set = options<cli::SetOptions>(admin);
  set.version = "m_v2";
  set.percent = "5";
  Screen screen;
  CHECK(cli::run_set(set, screen.terminal) == cli::exit_refused);
  CHECK(screen.out.str().empty());
  CHECK(screen.err.str() == "canary-gateway: refused (409): resume it first\n");
  Screen raw;
  set.json = true;
  CHECK(cli::run_set(set, raw.terminal) == cli::exit_refused);
  CHECK(raw.out.str() == body + "\n");
}

TEST_CASE("a percentage that is none is exit status 2, and nothing is sent") {
  FakeAdmin admin(200, flag_answer);
  auto set = options<cli::SetOptions>(admin);
  set.version = "m_v2";
  for (const std::string percent : {"", "x", "-1", "101", "0.001", "nan", "5%%"}) {
    INFO(percent);
    Screen screen;
    set.percent = percent;
    CHECK(cli::run_set(set, screen.terminal) == cli::exit_usage);
    CHECK_FALSE(screen.err.str().empty());
  }
  CHECK(admin.asked().empty());
}

TEST_CASE("no gateway, or something else in its place, is exit status 3") {
  std::string closed;
  {
    FakeAdmin admin(200, "{}");
    closed = admin.url();
  }
  cli::Options options;
  options.admin = closed;
  Screen screen;
  CHECK(cli::run_status(options, screen.terminal) == cli::exit_unreachable);
  CHECK(screen.err.str() == "canary-gateway: cannot reach the gateway at " + closed +
                                ": connect: Connection refused\n");
  options.json = true;
  Screen raw;
  CHECK(cli::run_status(options, raw.terminal) == cli::exit_unreachable);
  CHECK(raw.out.str().starts_with(R"({"error":{"code":"unreachable","message":)"));
  FakeAdmin other(200, "<html>");
  options = ::options<cli::Options>(other);
  Screen html;
  CHECK(cli::run_status(options, html.terminal) == cli::exit_unreachable);
  CHECK(html.err.str().find("is no canary-gateway") != std::string::npos);
}

TEST_CASE("the token of --token-file is sent, and a missing file is a usage error") {
  FakeAdmin admin(200, no_models);
  const auto path =
      std::filesystem::temp_directory_path() / ("cli-token-" + std::to_string(::getpid()));
  const std::string token(32, 's');
  std::ofstream(path) << "  " << token << "\n";
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  auto options = ::options<cli::Options>(admin);
  options.token_file = path;
  Screen screen;
  CHECK(cli::run_status(options, screen.terminal) == cli::exit_ok);
  CHECK(admin.authorization() == "Bearer " + token);
  std::filesystem::permissions(path, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  Screen open;
  CHECK(cli::run_status(options, open.terminal) == cli::exit_usage);
  CHECK(open.err.str().find("chmod 600") != std::string::npos);
  std::filesystem::remove(path);
  Screen missing;
  CHECK(cli::run_status(options, missing.terminal) == cli::exit_usage);
  CHECK(missing.err.str().find("--token-file") != std::string::npos);
}

TEST_CASE("an address that is none is a usage error, and no message repeats its secrets") {
  cli::Options options;
  for (const std::string admin : {"", "gateway", "https://user:pw@gateway/SECRET", "ftp://pw@x"}) {
    options.admin = admin;
    Screen screen;
    CHECK(cli::run_status(options, screen.terminal) == cli::exit_usage);
    CHECK(screen.err.str().find("pw") == std::string::npos);
    CHECK(screen.err.str().find("SECRET") == std::string::npos);
  }
  options.admin = "http://127.0.0.1:1/SECRET?token=SECRET";
  Screen screen;
  CHECK(cli::run_status(options, screen.terminal) == cli::exit_unreachable);
  CHECK(screen.err.str().find("SECRET") == std::string::npos);
}

TEST_CASE("a report is printed in its lines, without what a terminal would obey") {
  FakeAdmin admin(200, R"({"markdown":"# m\n\n| a |\n|---|\n| x\u001b[2J\u009b31m\u202e |\n"})");
  auto options = ::options<cli::ReportOptions>(admin);
  options.model = "m";
  Screen screen;
  CHECK(cli::run_report(options, screen.terminal) == cli::exit_ok);
  CHECK(screen.out.str() == "# m\n\n| a |\n|---|\n| x?[2J?31m? |\n");
}

TEST_CASE("the admin address comes from the environment, else it is the default") {
  ::unsetenv("CANARY_GATEWAY_ADMIN");
  CHECK(cli::default_admin_url() == "http://127.0.0.1:9901");
  ::setenv("CANARY_GATEWAY_ADMIN", "http://10.0.0.1:1", 1);
  CHECK(cli::Options{}.admin == "http://10.0.0.1:1");
  ::setenv("CANARY_GATEWAY_ADMIN", "nonsense", 1);
  Screen screen;
  CHECK(cli::run_status({}, screen.terminal) == cli::exit_usage);
  CHECK(screen.err.str().starts_with("canary-gateway: $CANARY_GATEWAY_ADMIN: "));
  ::unsetenv("CANARY_GATEWAY_ADMIN");
}

TEST_CASE("version needs no gateway") {
  Screen screen;
  CHECK(cli::run_version(false, screen.terminal) == cli::exit_ok);
  CHECK(screen.out.str().starts_with("canary-gateway "));
  Screen raw;
  cli::run_version(true, raw.terminal);
  CHECK(raw.out.str().starts_with(R"({"version":")"));
}

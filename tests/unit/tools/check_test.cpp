#include "tools/check.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace canary;

namespace {

// A file of its own, gone with the test.
class TempFile {
 public:
  explicit TempFile(const std::string& text) {
    const char* directory = std::getenv("TMPDIR");
    path_ = std::string(directory ? directory : "/tmp") + "/check_test.XXXXXX";
    const int fd = mkstemp(path_.data());
    REQUIRE(fd >= 0);
    close(fd);
    std::ofstream(path_) << text;
  }
  ~TempFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Checked {
  int status;
  std::string text;
};
Checked check(const std::string& path, bool json = false) {
  std::ostringstream out;
  const int status = tools::run_check(path, {.json = json}, out);
  return {status, out.str()};
}

const std::string file = R"(models:
  a:
    match: [{ path_prefix: /a }]
    stable: { version: a_v1, endpoints: ["http://127.0.0.1:1"] }
    canary: { version: a_v2, endpoints: ["http://[::1]:2"], rollout_percentage: 12.5 }
  b:
    match: [{ path_prefix: /b }]
    stable: { version: b_v1, endpoints: ["http://127.0.0.1:3"] }
)";

}  // namespace

TEST_CASE("a good file is told with what it would run, and what it means at other traffic") {
  const std::string no_limit =
      "no limit: when more comes than a version can answer, its servers queue it and the gateway "
      "refuses nothing; set what one version bears";
  const TempFile good(file);
  const auto [status, text] = check(good.path());
  CHECK(status == 0);
  CHECK(text ==
        good.path() +
            ": good. A new rollout starts with these weights; a flag or a rollback can set lower "
            "ones, and a rollout that is under way goes on from its present phase:\n"
            "  a: stable a_v1 87.5%, canary a_v2 12.5%\n"
            "  b: stable b_v1 100%\n"
            "note: models.a.judge: at 12.5% the canary is judged from 27 requests/s of the "
            "model on (min_samples 200 in window 1m); with less traffic no phase ends, and "
            "errors and latency roll nothing back: lengthen the window\n"
            "note: models.a.warm_up: at 12.5% from 1600 requests/s of the model on, the "
            "canary is judged by its first second: set a duration for a server that starts "
            "slowly\n"
            "note: models.a.judge.min_samples: 2 failed of 200 requests are above "
            "triggers.error_rate (0.5%) and roll the canary back: raise min_samples where "
            "single failures are normal\n"
            "note: models.a.upstream.max_in_flight: " +
            no_limit +
            "\n"
            "note: models.b.upstream.max_in_flight: " +
            no_limit + "\n");
}

TEST_CASE("every problem of a bad file is told with its place") {
  const TempFile bad("state_dirr: /x\n" + file + "    attempt: 0\n");
  const auto [status, text] = check(bad.path());
  CHECK(status == 2);
  CHECK(text == bad.path() +
                    ":1:1: state_dirr: found an unknown key, expected a known key; did you mean "
                    "state_dir?\n" +
                    bad.path() +
                    ":10:14: models.b.attempt: found 0, expected a whole number 1..4294967295\n" +
                    bad.path() + ": 2 errors\n");
}

TEST_CASE("with --json the same is one object") {
  const TempFile good(file);
  std::string told = check(good.path(), true).text;
  const auto notes = told.find(R"("notes":[{"key":"models.a.judge","note":"at 12.5% the canary)");
  REQUIRE(notes != told.npos);
  const auto first = notes + std::string(R"("notes":[)").size();
  told.erase(first, told.find("],\"models\"") - first);
  CHECK(told == R"({"file":")" + good.path() +
                    R"(","ok":true,"errors":[],"warnings":[],"notes":[],"models":[)"
                    R"({"name":"a","stable":"a_v1","canary":"a_v2","rollout_percentage":12.5,)"
                    R"("starts_at":12.5},)"
                    R"({"name":"b","stable":"b_v1"}]})"
                    "\n");
  const TempFile bad(file + "\"c\\n\": 1\n");
  const auto [status, text] = check(bad.path(), true);
  CHECK(status == 2);
  CHECK(text.find(R"x("ok":false,"errors":[{"line":9,"column":1,"key":"(not shown)",)x") !=
        text.npos);
  CHECK(text.find(R"("models":[]})") != text.npos);
}

TEST_CASE("a plan's weights are those of its phases, below the file's percentage") {
  const auto line = [](const std::string& percentage) {
    const TempFile planned(
        "models:\n  a:\n    match: [{ path_prefix: / }]\n"
        "    stable: { version: v1, endpoints: [\"http://127.0.0.1:1\"] }\n"
        "    canary: { version: v2, endpoints: [\"http://127.0.0.1:2\"]" +
        percentage + " }\n    plan: { phases: [{ percentage: 10, hold: 7d }, " +
        "{ percentage: 50, hold: 14d }] }\n");
    const std::string text = check(planned.path()).text;
    const auto begin = text.find("  a: ");
    return text.substr(begin, text.find("note: ") - begin);
  };
  CHECK(line("") ==
        "  a: stable v1 90%, canary v2 10%; phases of the plan: 10% for 7d, 50% for 14d\n");
  CHECK(line(", rollout_percentage: 5") ==
        "  a: stable v1 95%, canary v2 5%; phases of the plan: 10% for 7d, 50% for 14d; never more "
        "than rollout_percentage, 5%\n");
}

TEST_CASE("a token file is looked at as far as this user can") {
  const TempFile token(std::string(32, 't'));
  const auto with = [&](const std::string& path, unsigned mode) {
    std::filesystem::permissions(token.path(), std::filesystem::perms(mode));
    const TempFile file("admin: { token_file: \"" + path + "\" }\n" + ::file);
    return check(file.path());
  };
  CHECK(with(token.path(), 0600).text.find("token") == std::string::npos);
  CHECK(with(token.path(), 0440).status == 0);  // the group is this process's
  CHECK(with(token.path(), 0644).status == 2);
  CHECK(with(token.path(), 0660).text.find("its group can change it") != std::string::npos);
  const auto absent = with("/no/such/SECRET", 0600);
  CHECK(absent.status == 0);
  CHECK(absent.text.find("warning: ") == 0);
  CHECK(absent.text.find("SECRET") == std::string::npos);
}

TEST_CASE("a name that does not resolve is a warning") {
  const TempFile unresolved(
      "models: { a: { match: [{ path_prefix: / }], stable: { version: v1, endpoints: "
      "[\"http://no-such-host.invalid:80\"] } } }\n");
  const auto [status, text] = check(unresolved.path());
  CHECK(status == 0);
  CHECK(text.find("warning: " + unresolved.path() +
                  ": models.a.stable.endpoints[0]: found no-such-host.invalid (") == 0);
  CHECK(text.find("expected a name that resolves\n") != text.npos);
}

TEST_CASE("a file that cannot be read is an error") {
  const auto [status, text] = check("no/such/file.yaml");
  CHECK(status == 2);
  CHECK(text ==
        "no/such/file.yaml: found No such file or directory, expected a file that can be read\n"
        "no/such/file.yaml: 1 error\n");
  CHECK(check("/").status == 2);
}

TEST_CASE("a receiver that is one of the gateway's own listeners is an error") {
  const std::string listens =
      "data: { listen: \"0.0.0.0:18080\" }\nadmin: { listen: \"127.0.0.1:19901\" }\n";
  const auto with = [&](const std::string& receiver) {
    return check(
        TempFile(listens + file + "notify: [{ kind: webhook, " + receiver + " }]\n").path());
  };
  for (const std::string url : {"http://127.0.0.1:18080/SECRET", "https://localhost:18080/SECRET",
                                "http://127.9.9.9:18080", "http://[::ffff:127.0.0.1]:19901/SECRET",
                                "http://LOCALHOST.:19901/SECRET?SECRET", "http://0.0.0.0:19901/"}) {
    const auto [status, text] = with("url: \"" + url + "\"");
    INFO(url << '\n' << text);
    CHECK(status == 2);
    CHECK(text.find("notify[0].url") != std::string::npos);
    CHECK(text.find("SECRET") == std::string::npos);
  }
  for (const std::string url : {"http://127.0.0.1:18081/", "https://hooks.example.com:19901/",
                                "http://127.0.0.2:19901/", "http://[::1]:19901/"})
    CHECK(with("url: \"" + url + "\"").status == 0);
  ::setenv("CHECK_TEST_HOOK", "http://localhost:19901/SECRET", 1);
  const auto [status, text] = with("url_env: CHECK_TEST_HOOK");
  ::unsetenv("CHECK_TEST_HOOK");
  CHECK(status == 0);
  CHECK(text.find("warning: ") != std::string::npos);
  CHECK(text.find("notify[0].url_env") != std::string::npos);
  CHECK(text.find("SECRET") == std::string::npos);
}

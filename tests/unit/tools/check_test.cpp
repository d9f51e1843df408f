#include "tools/check.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
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

TEST_CASE("a good file is told with what it would run") {
  const TempFile good(file);
  const auto [status, text] = check(good.path());
  CHECK(status == 0);
  CHECK(text == good.path() +
                    ": good. It would run, unless a flag or a rollback says less:\n"
                    "  a: stable a_v1 87.5%, canary a_v2 12.5%\n"
                    "  b: stable b_v1 100%\n");
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
  CHECK(check(good.path(), true).text ==
        R"({"file":")" + good.path() +
            R"(","ok":true,"errors":[],"warnings":[],"models":[)"
            R"({"name":"a","stable":"a_v1","canary":"a_v2","rollout_percentage":12.5},)"
            R"({"name":"b","stable":"b_v1"}]})"
            "\n");
  const TempFile bad(file + "\"c\\n\": 1\n");
  const auto [status, text] = check(bad.path(), true);
  CHECK(status == 2);
  CHECK(text.find(R"("ok":false,"errors":[{"line":9,"column":1,"key":"c?",)") != text.npos);
  CHECK(text.find(R"("models":[]})") != text.npos);
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

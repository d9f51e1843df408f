#include "base/token_file.hpp"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <vector>

#include "support/temp_dir.hpp"

using namespace canary;
using base::FileReaders;

namespace {

const std::string token = "0123456789abcdef0123456789abcdef";

std::filesystem::path written(const support::TempDir& dir, const std::string& text, int mode) {
  const auto path = dir.path() / "token";
  std::ofstream(path) << text;
  ::chmod(path.c_str(), static_cast<mode_t>(mode));
  return path;
}

struct stat status_of(unsigned mode, gid_t group) {
  struct stat status {};
  status.st_mode = S_IFREG | mode;
  status.st_gid = group;
  return status;
}

}  // namespace

TEST_CASE("a token file is private and holds a token worth the name") {
  const support::TempDir dir;
  const auto message = [&](const std::string& text, int mode) {
    const auto loaded = base::load_token(written(dir, text, mode));
    std::filesystem::remove(dir.path() / "token");
    return loaded ? "accepted " + *loaded : loaded.error().message();
  };
  CHECK(message(" " + token + "\r\n", 0600) == "accepted " + token);
  CHECK(message(token, 0400) == "accepted " + token);
  CHECK(message(token, 0440) == "accepted " + token);  // the group is this process's
  CHECK(message(token, 0640) == "accepted " + token);
  CHECK(message(token, 0604).find("chmod 600") != std::string::npos);
  CHECK(message(token, 0660).find("its group can change it") != std::string::npos);
  CHECK(message(token.substr(1), 0600).find("shorter than 32") != std::string::npos);
  CHECK(message("", 0600).find("shorter than 32") != std::string::npos);
  CHECK(message(token + " " + token, 0600).find("holds a blank") != std::string::npos);
  CHECK(message(std::string(5000, 'x'), 0600).find("longer than") != std::string::npos);
  CHECK(base::load_token("/nonexistent/token").has_error());
  CHECK(base::load_token("/dev/null").has_error());
  REQUIRE(::mkfifo((dir.path() / "pipe").c_str(), 0600) == 0);
  CHECK(base::load_token(dir.path() / "pipe").has_error());  // and does not wait for a writer
}

TEST_CASE("what is wrong with a token file names neither its path nor its content") {
  const support::TempDir dir;
  for (const auto& loaded :
       {base::load_token("SECRET"), base::load_token(written(dir, "SECRET", 0600)),
        base::load_token(dir.path())}) {
    REQUIRE(loaded.has_error());
    CHECK(loaded.error().message().find("SECRET") == std::string::npos);
    CHECK(loaded.error().message().find(dir.path().string()) == std::string::npos);
  }
}

TEST_CASE("a secret may be read by its owner and by a group of the process, and by nobody else") {
  const gid_t own = ::getegid();
  gid_t foreign = 54321;
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  REQUIRE(::getgroups(static_cast<int>(groups.size()), groups.data()) >= 0);
  while (foreign == own || std::count(groups.begin(), groups.end(), foreign) > 0) ++foreign;

  CHECK(base::readers_of_secret(status_of(0600, foreign)).value() == FileReaders::owner);
  CHECK(base::readers_of_secret(status_of(0440, own)).value() == FileReaders::own_group);
  CHECK(base::readers_of_secret(status_of(0440, foreign)).value() == FileReaders::foreign_group);
  for (const gid_t group : groups)
    CHECK(base::readers_of_secret(status_of(0440, group)).value() == FileReaders::own_group);
  for (const unsigned mode : {0604u, 0602u, 0601u, 0644u, 0460u, 0450u, 0666u, 0777u})
    CHECK(base::readers_of_secret(status_of(mode, own)).has_error());
  struct stat directory {};
  directory.st_mode = S_IFDIR | 0600;
  CHECK(base::readers_of_secret(directory).has_error());
}

// Whatever stands behind a path, reading it ends, and the error says why.
#include "base/read_file.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "support/temp_dir.hpp"

using namespace canary;
using namespace canary::base;
using support::TempDir;

namespace fs = std::filesystem;

TEST_CASE("only regular files are read, and the error names what is there instead") {
  const TempDir dir;
  fs::create_directory(dir / "directory");
  fs::create_symlink("loop", dir / "loop");
  fs::create_symlink("absent", dir / "dangling");
  REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (dir / "socket").string().copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  support::write_file(dir / "large", std::string(101, 'x'));
  struct Row {
    std::string path, error;
  };
  const Row rows[] = {
      {dir / "absent", "No such file or directory"},
      {dir / "dangling", "No such file or directory"},
      {dir / "directory", "Is a directory"},
      {dir / "loop", "Too many levels of symbolic links"},
      {dir / "fifo", "is a FIFO or a pipe, not a regular file"},
      {dir / "socket", "No such device or address"},
      {"/dev/null", "is a device, not a regular file"},
      {"/dev/zero", "is a device, not a regular file"},
      {dir / "large", "is larger than 100 bytes"},
      {dir / "large/below", "Not a directory"},
      {dir / std::string(300, 'n'), "File name too long"},
      {"", "No such file or directory"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path);
    const auto read = read_file(row.path, 100);
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().message() == row.error);
  }
  ::close(socket);
}

TEST_CASE("a file that may not be read says so") {
  if (::geteuid() == 0) return;  // root reads everything
  const TempDir dir;
  support::write_file(dir / "secret", "x");
  REQUIRE(::chmod((dir / "secret").c_str(), 0) == 0);
  CHECK(read_file(dir / "secret", 100).error().message() == "Permission denied");
}

TEST_CASE("a file's text comes whole, with a state that every write changes") {
  const TempDir dir;
  support::write_file(dir / "file", std::string(100, 'x'));
  const auto one = read_file(dir / "file", 100);
  REQUIRE(one.has_value());
  CHECK(one->text == std::string(100, 'x'));
  CHECK(read_file(dir / "file", 100)->state == one->state);
  support::write_file(dir / "file", "shorter");
  CHECK_FALSE(read_file(dir / "file", 100)->state == one->state);
  support::write_file(dir / "empty", "");
  CHECK(read_file(dir / "empty", 100)->text.empty());
}

TEST_CASE("a command may wait for a pipe") {
  const TempDir dir;
  REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
  std::thread writer([&] {
    const int fd = ::open((dir / "fifo").c_str(), O_WRONLY | O_CLOEXEC);
    for (const char* part : {"data", ": {}\n"}) {
      const ssize_t written = ::write(fd, part, std::string_view(part).size());
      (void)written;
      std::this_thread::yield();
    }
    ::close(fd);
  });
  const auto read = read_config_text(dir / "fifo");
  writer.join();
  REQUIRE(read.has_value());
  CHECK(*read == "data: {}\n");
  CHECK(read_config_text(dir / "absent").error().message() ==
        "cannot read " + (dir / "absent").string() + ": No such file or directory");
}

#include "log/access_log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

using namespace canary;
using log::AccessLogWriter;

namespace {

class Directory {
 public:
  Directory() {
    std::string form = (std::filesystem::temp_directory_path() / "access_log.XXXXXX").string();
    REQUIRE(::mkdtemp(form.data()));
    path = form;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Waits for what another thread does: bounded, without a pause of a chosen length.
template <class Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

std::unique_ptr<AccessLogWriter> opened(const std::filesystem::path& path) {
  auto writer = AccessLogWriter::open(path);
  REQUIRE(writer.has_value());
  return std::move(*writer);
}

std::uint64_t line_count(const std::string& text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("buffers are appended in order, and the file is not for everyone", "[access_log]") {
  Directory directory;
  const auto path = directory.path / "access.log";
  std::ofstream(path) << "old\n";
  std::filesystem::remove(path);
  {
    auto writer = opened(path);
    CHECK(writer->submit("one\ntwo\n", 2));
    CHECK(writer->submit("three\n", 1));
    CHECK(writer->submit("", 0));
    CHECK(writer->dropped_lines() == 0);
  }
  CHECK(content(path) == "one\ntwo\nthree\n");
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777 & ~0640u) == 0);
  opened(path)->submit("four\n", 1);
  CHECK(content(path) == "one\ntwo\nthree\nfour\n");
}

TEST_CASE("a file that cannot be opened is an error that names it", "[access_log]") {
  Directory directory;
  const auto writer = AccessLogWriter::open(directory.path / "absent" / "access.log");
  REQUIRE_FALSE(writer.has_value());
  CHECK(writer.error().message().find("absent/access.log") != std::string::npos);
}

TEST_CASE("after reopening, lines go to a new file of the same name", "[access_log]") {
  Directory directory;
  const auto path = directory.path / "access.log", rotated = directory.path / "access.log.1";
  auto writer = opened(path);
  writer->submit("before\n", 1);
  REQUIRE(eventually([&] { return content(path) == "before\n"; }));
  std::filesystem::rename(path, rotated);
  writer->submit("still before\n", 1);
  REQUIRE(eventually([&] { return content(rotated) == "before\nstill before\n"; }));
  writer->reopen();
  REQUIRE(eventually([&] { return std::filesystem::exists(path); }));
  writer->submit("after\n", 1);
  writer.reset();
  CHECK(content(path) == "after\n");
  CHECK(content(rotated) == "before\nstill before\n");
}

TEST_CASE("a reopening that fails keeps the file that is open", "[access_log]") {
  Directory directory;
  const auto place = directory.path / "logs", path = place / "access.log";
  std::filesystem::create_directory(place);
  auto writer = opened(path);
  std::filesystem::rename(place, directory.path / "moved");
  writer->reopen();
  writer->submit("kept\n", 1);
  writer.reset();
  CHECK(content(directory.path / "moved" / "access.log") == "kept\n");
}

TEST_CASE("a full disk drops lines, counts them and stops nothing", "[access_log]") {
  auto writer = opened("/dev/full");
  for (int i = 0; i < 10; ++i) CHECK(writer->submit("a\nb\n", 2));
  CHECK(eventually([&] { return writer->dropped_lines() == 20; }));
}

TEST_CASE("a stopped reader of a pipe drops lines, counts them and never blocks", "[access_log]") {
  Directory directory;
  const auto path = directory.path / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  auto writer = opened(path);  // no reader yet: neither waits nor fails
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(reader >= 0);

  std::string buffer;
  for (int i = 0; i < 1000; ++i) buffer += "a line that is long enough to fill the pipe soon\n";
  std::uint64_t submitted = 0, refused = 0;
  for (int i = 0; i < 400; ++i) {  // 20 MB: more than the queue holds
    submitted += 1000;
    if (!writer->submit(std::string(buffer), 1000)) refused += 1000;
  }
  CHECK(refused > 0);
  CHECK(writer->dropped_lines() >= refused);
  // At least one buffer fails in the writer thread too, within a line.
  REQUIRE(eventually([&] { return writer->dropped_lines() > refused; }));

  // The reader comes back: what arrives and what was dropped make up everything.
  std::string received;
  std::uint64_t whole = 0;
  const auto drain = [&] {
    char part[65536];
    for (ssize_t n; (n = ::read(reader, part, sizeof part)) > 0;)
      received.append(part, static_cast<std::size_t>(n));
  };
  const auto count_whole = [&] {
    whole = 0;
    std::istringstream lines(received);
    for (std::string line; std::getline(lines, line);)
      if (line == "a line that is long enough to fill the pipe soon") ++whole;
  };
  CHECK(eventually([&] {
    drain();
    count_whole();
    return whole + writer->dropped_lines() == submitted;
  }));
  CHECK(whole > 0);
  ::close(reader);
}

TEST_CASE("ending with a stopped reader takes about a second, not for ever", "[access_log]") {
  Directory directory;
  const auto path = directory.path / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  auto writer = opened(path);
  for (int i = 0; i < 60; ++i) writer->submit(std::string(100000, 'x') + "\n", 1);
  const auto before = std::chrono::steady_clock::now();
  writer.reset();
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(10));
}

TEST_CASE("many threads submit, and every line arrives whole", "[access_log]") {
  Directory directory;
  const auto path = directory.path / "access.log";
  {
    auto writer = opened(path);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i) writer->submit("0123456789\n", 1);
      });
    for (int i = 0; i < 5; ++i) writer->reopen();
    for (auto& thread : threads) thread.join();
    CHECK(writer->dropped_lines() == 0);
  }
  const std::string text = content(path);
  CHECK(line_count(text) == 2000);
  CHECK(text.size() == 2000 * 11);
}

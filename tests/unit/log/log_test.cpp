#include "log/log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <limits>
#include <regex>
#include <thread>
#include <vector>

using namespace canary;

namespace {

// Stands in for stderr while it lives: a pipe that the test reads, or leaves unread.
class StderrPipe {
 public:
  StderrPipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    read_end_ = ends[0];
    saved_ = ::dup(STDERR_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[1]);
  }
  ~StderrPipe() {
    restore();
    ::close(read_end_);
  }
  // Everything written until now; stderr is stderr again.
  std::string text() {
    restore();
    return read_all();
  }
  // To be called from a thread of its own: reads until stderr is restored.
  std::string read_all() {
    std::string all;
    char part[4096];
    for (;;) {
      const ssize_t n = ::read(read_end_, part, sizeof part);
      if (n <= 0) return all;
      all.append(part, static_cast<std::size_t>(n));
    }
  }
  void restore() {
    if (saved_ < 0) return;
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    saved_ = -1;
  }

 private:
  int read_end_ = -1;
  int saved_ = -1;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    lines.push_back(text.substr(at, end - at));
  return lines;
}

// The line without its time, whose form is checked.
std::string without_time(const std::string& line) {
  static const std::regex form(
      R"re(^\{"time":"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z",(.*)$)re");
  std::smatch parts;
  return std::regex_match(line, parts, form) ? "{" + parts[1].str() : "no time: " + line;
}

}  // namespace

TEST_CASE("a line is one JSON object with its time, level, event and fields", "[log]") {
  StderrPipe pipe;
  log::start(log::Level::debug);
  log::debug("plain");
  log::info("typed", {{"text", "a\"b\n%v {}"},
                      {"number", 42},
                      {"big", std::numeric_limits<std::int64_t>::min()},
                      {"ratio", 0.5},
                      {"nan", std::numeric_limits<double>::quiet_NaN()},
                      {"yes", true},
                      {"string", std::string("s")}});
  log::warn("we\"ird");
  log::error("bad", {{"empty", ""}});
  log::stop();
  const auto lines = lines_of(pipe.text());
  REQUIRE(lines.size() == 4);
  CHECK(without_time(lines[0]) == R"({"level":"debug","event":"plain"})");
  CHECK(without_time(lines[1]) ==
        R"({"level":"info","event":"typed","text":"a\"b\n%v {}","number":42,)"
        R"("big":-9223372036854775808,"ratio":0.5,"nan":null,"yes":true,"string":"s"})");
  CHECK(without_time(lines[2]) == R"({"level":"warn","event":"we\"ird"})");
  CHECK(without_time(lines[3]) == R"({"level":"error","event":"bad","empty":""})");
}

TEST_CASE("lines below the level are not written", "[log]") {
  StderrPipe pipe;
  log::start(log::Level::warn);
  log::debug("no");
  log::info("no");
  log::warn("yes");
  log::error("yes");
  log::stop();
  CHECK(lines_of(pipe.text()).size() == 2);
}

TEST_CASE("before the start and after the stop lines are written at once", "[log]") {
  StderrPipe pipe;
  log::start(log::Level::info);
  log::stop();
  log::stop();
  log::info("direct", {{"n", 1}});
  const auto lines = lines_of(pipe.text());
  REQUIRE(lines.size() == 1);
  CHECK(without_time(lines[0]) == R"({"level":"info","event":"direct","n":1})");
}

TEST_CASE("while silent nothing is written, not even errors", "[log]") {
  StderrPipe pipe;
  log::silence(true);
  log::error("unheard");
  log::silence(false);
  log::error("heard");
  const auto lines = lines_of(pipe.text());
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find("\"heard\"") != std::string::npos);
}

TEST_CASE("lines from many threads come whole, each thread's in order", "[log]") {
  constexpr int threads = 4, each = 1000;
  StderrPipe pipe;
  std::string text;
  std::thread reader([&] { text = pipe.read_all(); });
  const auto dropped_before = log::dropped();
  log::start(log::Level::info);
  std::vector<std::thread> writers;
  for (int t = 0; t < threads; ++t)
    writers.emplace_back([t] {
      for (int i = 0; i < each; ++i) log::info("line", {{"thread", t}, {"i", i}});
    });
  for (auto& writer : writers) writer.join();
  log::stop();
  pipe.restore();
  reader.join();
  CHECK(log::dropped() == dropped_before);
  const auto lines = lines_of(text);
  CHECK(lines.size() == threads * each);
  std::vector<int> next(threads, 0);
  const std::regex form(R"re(.*"event":"line","thread":(\d),"i":(\d+)\})re");
  for (const std::string& line : lines) {
    std::smatch parts;
    REQUIRE(std::regex_match(line, parts, form));
    REQUIRE(std::stoi(parts[2]) == next[static_cast<std::size_t>(std::stoi(parts[1]))]++);
  }
}

TEST_CASE("a stopped reader of stderr costs the oldest lines, which are counted", "[log]") {
  constexpr std::uint64_t written = 20000;
  StderrPipe pipe;
  const auto dropped_before = log::dropped();
  log::start(log::Level::info);
  const std::string padding(200, 'x');
  for (std::uint64_t i = 0; i < written; ++i)
    log::info("line", {{"i", i}, {"padding", padding}});  // nobody reads: must not wait
  const auto dropped = log::dropped() - dropped_before;
  CHECK(dropped > 0);
  CHECK(dropped < written);
  SECTION("the rest is written when the reader comes back") {
    std::string text;
    std::thread reader([&] { text = pipe.read_all(); });
    log::stop();
    pipe.restore();
    reader.join();
    const auto lines = lines_of(text);
    CHECK(lines.size() + dropped == written);
    CHECK(lines.back().find("\"i\":19999") != std::string::npos);
  }
  SECTION("stopping gives the rest up") {
    const auto before = std::chrono::steady_clock::now();
    log::stop();
    CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(10));
  }
  CHECK(log::dropped() - dropped_before == dropped);
}

TEST_CASE("starting and stopping are safe while others write", "[log]") {
  StderrPipe pipe;
  std::string text;
  std::thread reader([&] { text = pipe.read_all(); });
  std::vector<std::thread> writers;
  for (int t = 0; t < 2; ++t)
    writers.emplace_back([] {
      for (int i = 0; i < 500; ++i) log::info("line");
    });
  for (int i = 0; i < 20; ++i) {
    log::start(log::Level::info);
    log::stop();
  }
  for (auto& writer : writers) writer.join();
  pipe.restore();
  reader.join();
  CHECK(lines_of(text).size() == 1000);
}

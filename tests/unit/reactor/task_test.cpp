#include "reactor/task.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <string>
#include <vector>

#include "reactor/frame_pool.hpp"

namespace canary::reactor {
namespace {

/// Parks whoever awaits it until the test goes on.
struct Stop {
  std::coroutine_handle<> parked;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept { parked = handle; }
  void await_resume() const noexcept {}
  void go_on() { std::exchange(parked, {}).resume(); }
};

Task<int> at_once(int value) { co_return value; }

Task<int> after(Stop& stop, int value) {
  co_await stop;
  co_return value;
}

Task<std::string> sum(Stop& stop, std::vector<std::string>& trace) {
  trace.push_back("begin");
  const int first = co_await at_once(1);
  trace.push_back("between");
  const int second = co_await after(stop, 2);
  trace.push_back("end");
  co_return std::to_string(first + second);
}

Task<> outer(Stop& stop, std::vector<std::string>& trace) {
  const std::string text = co_await sum(stop, trace);
  trace.push_back(text);
}

Task<int> countdown(int left, Stop& stop) {
  if (left == 0) co_await stop;
  const int below = left == 0 ? 0 : co_await countdown(left - 1, stop);
  co_return below + 1;
}

Task<long> many_children(int count) {
  long total = 0;
  for (int i = 0; i < count; ++i) {
    const int value = co_await at_once(1);
    total += value;
  }
  co_return total;
}

}  // namespace

TEST_CASE("A task runs at once, as far as it can") {
  const Task<int> task = at_once(7);
  CHECK(task.done());
}

TEST_CASE("Only a task that blocks suspends its caller; both go on where they stopped") {
  Stop stop;
  std::vector<std::string> trace;
  const Task<> task = outer(stop, trace);
  CHECK_FALSE(task.done());
  CHECK(trace == std::vector<std::string>{"begin", "between"});
  stop.go_on();
  CHECK(task.done());
  CHECK(trace == std::vector<std::string>{"begin", "between", "end", "3"});
}

TEST_CASE("Nested tasks hand their results up through a suspension at the bottom") {
  Stop stop;
  Task<int> task = countdown(50, stop);
  CHECK_FALSE(task.done());
  stop.go_on();
  REQUIRE(task.done());
  CHECK(task.await_resume() == 51);
}

TEST_CASE("Any number of tasks that do not block take no stack") {
  Task<long> task = many_children(1'000'000);
  REQUIRE(task.done());
  CHECK(task.await_resume() == 1'000'000);
}

TEST_CASE("A task that is moved stays the same task") {
  Stop stop;
  Task<int> first = after(stop, 5);
  Task<int> second = std::move(first);
  CHECK(first.done());
  CHECK_FALSE(second.done());
  stop.go_on();
  CHECK(second.await_resume() == 5);
}

TEST_CASE("The frame pool gives a freed frame to the next of its size class, and only to it") {
  void* const small = allocate_frame(100);
  std::memset(small, 1, 100);
  free_frame(small, 100);
  void* const other = allocate_frame(129);
  CHECK(other != small);
  void* const same = allocate_frame(128);
  CHECK(same == small);
  free_frame(other, 129);
  free_frame(same, 128);
}

TEST_CASE("Frames of every size are apart from each other and whole") {
  std::vector<std::pair<char*, std::size_t>> frames;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t size = 1; size <= 6000; size += 37) {
      char* const frame = static_cast<char*>(allocate_frame(size));
      std::memset(frame, static_cast<int>(size % 251), size);
      frames.emplace_back(frame, size);
    }
    for (const auto& [frame, size] : frames) {
      CHECK(frame[0] == static_cast<char>(size % 251));
      CHECK(frame[size - 1] == static_cast<char>(size % 251));
      free_frame(frame, size);
    }
    frames.clear();
  }
}

}  // namespace canary::reactor

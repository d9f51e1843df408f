#include "log/log.hpp"

#include <poll.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "base/clock.hpp"
#include "base/json_text.hpp"

namespace canary::log {
namespace {

constexpr std::size_t queue_lines = 8192;
// A pipe that poll() calls writable takes this much without blocking (pipe(7), PIPE_BUF).
constexpr std::size_t chunk_bytes = 4096;
constexpr int poll_ms = 50;
constexpr int closing_polls = 20;  // about a second for all that is left

std::string_view level_name(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
  }
  return "error";
}

// Writes to descriptor 2. A reader that has stopped holds the writer thread up, but not stop():
// once `closing` is set, waiting is bounded and the rest is given up.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void close_soon() { closing_.store(true); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    const char* at = text.data();
    std::size_t left = text.size();
    while (left > 0 && writable()) {
      const ssize_t n = ::write(STDERR_FILENO, at, std::min(left, chunk_bytes));
      if (n < 0 && errno != EINTR && errno != EAGAIN) return;
      if (n <= 0) continue;
      at += n;
      left -= static_cast<std::size_t>(n);
    }
  }
  void flush_() override {}

 private:
  bool writable() {
    for (;;) {
      if (closing_.load() && polls_left_ == 0) return false;
      pollfd wanted{STDERR_FILENO, POLLOUT, 0};
      if (::poll(&wanted, 1, poll_ms) > 0) return true;
      if (closing_.load()) --polls_left_;
    }
  }

  std::atomic<bool> closing_{false};
  int polls_left_ = closing_polls;
};

struct Writer {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<StderrSink> sink;
  std::shared_ptr<spdlog::async_logger> logger;
};

// The process has one stderr, hence one of these. Writers of lines share the lock; start() and
// stop() take it alone.
std::shared_mutex mutex;
std::unique_ptr<Writer> writer;
std::atomic<Level> threshold{Level::info};
std::atomic<bool> silent{false};
std::atomic<std::uint64_t> dropped_before{0};

std::string render(Level level, std::string_view event, std::initializer_list<Field> fields) {
  std::string line = "{\"time\":\"";
  line += base::format_time(base::SystemClock().wall());
  line += "\",\"level\":\"";
  line += level_name(level);
  line += "\",\"event\":";
  base::append_json_string(line, event);
  for (const Field& field : fields) {
    line += ',';
    base::append_json_string(line, field.key);
    line += ':';
    if (const auto* text = std::get_if<std::string_view>(&field.value))
      base::append_json_string(line, *text);
    else if (const auto* integer = std::get_if<std::int64_t>(&field.value))
      line += std::to_string(*integer);
    else if (const auto* number = std::get_if<double>(&field.value))
      base::append_json_number(line, *number);
    else
      line += std::get<bool>(field.value) ? "true" : "false";
  }
  line += '}';
  return line;
}

void write_now(std::string line) {
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // nobody can be told
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

void silence(bool on) { silent.store(on); }

void start(Level level) {
  const std::unique_lock lock(mutex);
  threshold.store(level);
  if (writer) return;
  auto next = std::make_unique<Writer>();
  next->pool = std::make_shared<spdlog::details::thread_pool>(queue_lines, 1);
  next->sink = std::make_shared<StderrSink>();
  // The line is complete JSON already: spdlog's patterns do not escape.
  next->sink->set_formatter(
      std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc, "\n"));
  next->logger = std::make_shared<spdlog::async_logger>(
      "canary", next->sink, next->pool, spdlog::async_overflow_policy::overrun_oldest);
  next->logger->set_level(spdlog::level::trace);
  writer = std::move(next);
}

void stop() {
  const std::unique_lock lock(mutex);
  if (!writer) return;
  writer->sink->close_soon();
  const std::uint64_t overrun = writer->pool->overrun_counter();
  // The pool first: it writes what is queued and joins, so that nothing below it is in use.
  writer->pool.reset();
  writer.reset();
  dropped_before += overrun;
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (level < threshold.load(std::memory_order_relaxed) || silent.load()) return;
  std::string line = render(level, event, fields);
  const std::shared_lock lock(mutex);
  if (writer)
    writer->logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  else
    write_now(std::move(line));
}

std::uint64_t dropped() {
  const std::shared_lock lock(mutex);
  return dropped_before.load() + (writer ? writer->pool->overrun_counter() : 0);
}

}  // namespace canary::log

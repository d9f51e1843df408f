// The gateway's own log: one JSON object per line on stderr, written by a thread of its own; the
// only place that sees spdlog. `{"time":"...","level":"info","event":"listening","address":"..."}`.
// When the queue is full the oldest line is dropped and counted. Any thread.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace canary::log {

enum class Level : unsigned char { debug, info, warn, error };

/// A field of a log line; strings are escaped, numbers written as numbers.
struct Field {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, double, bool> value;
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  template <std::integral T>
  Field(std::string_view k, T v) : key(k), value(static_cast<std::int64_t>(v)) {}
};

/// While silent nothing is written at all: for a command that tells its own story.
void silence(bool silent);
/// Starts the writer thread; before it and after stop() lines go to stderr at once.
void start(Level level);
/// Writes what is queued, waiting for a stopped reader of stderr for about a second at most, and
/// ends the thread. The process is expected to ignore SIGPIPE.
void stop();

void write(Level level, std::string_view event, std::initializer_list<Field> fields = {});
inline void debug(std::string_view event, std::initializer_list<Field> f = {}) {
  write(Level::debug, event, f);
}
inline void info(std::string_view event, std::initializer_list<Field> f = {}) {
  write(Level::info, event, f);
}
inline void warn(std::string_view event, std::initializer_list<Field> f = {}) {
  write(Level::warn, event, f);
}
inline void error(std::string_view event, std::initializer_list<Field> f = {}) {
  write(Level::error, event, f);
}

/// Lines dropped since the start.
std::uint64_t dropped();

}  // namespace canary::log

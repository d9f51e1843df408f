// The access log: workers fill buffers of their own and hand whole buffers to one writer thread.
// A full disk, a stopped reader of a pipe, or a slow device never touches a request: what does not
// fit into the bounded queue (8 MiB) is dropped and counted. A line that was cut by a failed write
// counts as dropped, and the next one begins on a new line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/error.hpp"

namespace canary::log {

class AccessLogWriter {
 public:
  /// Opens (appending, 0640) and starts the writer thread. A named pipe needs no reader.
  static base::Result<std::unique_ptr<AccessLogWriter>> open(const std::filesystem::path& path);
  /// Writes what is queued, for at most a second, then ends the thread.
  ~AccessLogWriter();

  /// Takes a buffer of whole lines. Any thread; never blocks. False: dropped (`lines` counted).
  bool submit(std::string&& buffer, std::uint64_t lines);
  /// Opens the path anew (SIGUSR1, after logrotate moved the file).
  void reopen();
  std::uint64_t dropped_lines() const;

 private:
  struct Impl;
  explicit AccessLogWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace canary::log

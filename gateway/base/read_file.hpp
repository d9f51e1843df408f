// The one way in which a file that somebody named by its path is read whole. Opening never waits
// (a FIFO without a writer, a device); reading may, on a disk or a mount that hangs: whoever must
// not be held up asks on another thread (control/config_file). Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>

#include "base/error.hpp"

namespace canary::base {

/// Which file it was, and in which state: two that are equal have had no write in between.
struct FileState {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t modified_ns = 0;  // since the epoch, by the file system's clock
  bool operator==(const FileState&) const = default;
};

struct FileText {
  std::string text;
  FileState state;
};

enum class Accept : std::uint8_t {
  regular,  // regular files alone: they end
  // Pipes, FIFOs and terminals too, read to their end: for a command that may wait. A FIFO that has
  // a name needs a writer within two seconds.
  streams,
};

/// The largest configuration, and the largest scenario.
inline constexpr std::size_t max_config_bytes = 1 << 20;

/// The error says what was wrong, without the path: "No such file or directory", "Is a directory",
/// "is a FIFO, not a regular file", "is larger than 1 MiB".
Result<FileText> read_file(const std::string& path, std::size_t max_bytes,
                           Accept accept = Accept::regular);

/// The text of a configuration or scenario for a command, which may wait: "cannot read PATH: why".
Result<std::string> read_config_text(const std::string& path);

}  // namespace canary::base

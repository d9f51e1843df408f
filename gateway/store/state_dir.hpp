// The state directory: one gateway owns it (flock on `lock`, which holds its pid and the word
// "used" once there was state), and it keeps the last accepted configuration (`last-accepted.yaml`,
// written to a temporary name, fsynced, renamed).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace canary::store {

class StateDir {
 public:
  /// Creates the directory (0700) if need be and locks it; an error names the holder's pid.
  static base::Result<StateDir> open(const std::filesystem::path& path);
  StateDir(StateDir&&) noexcept;
  StateDir& operator=(StateDir&&) noexcept;
  ~StateDir();

  const std::filesystem::path& path() const { return path_; }
  /// A gateway had its state here before, whatever is left of it: `lock` says so.
  bool used() const { return used_; }
  /// From now on that is so.
  void mark_used();
  /// One thread at a time; waits for the disk.
  base::Result<void> save_accepted(std::string_view text);
  std::optional<std::string> load_accepted() const;

 private:
  StateDir() = default;
  std::filesystem::path path_;
  int lock_ = -1;
  bool used_ = false;
};

}  // namespace canary::store

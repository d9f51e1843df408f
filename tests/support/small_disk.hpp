// A file system of 1 MiB that a test can fill: needs the right to mount.
#pragma once

#include <sys/mount.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "support/temp_dir.hpp"

namespace canary::support {

class SmallDisk {
 public:
  /// Nothing where mounting is not permitted.
  static std::optional<SmallDisk> mount() {
    SmallDisk disk;
    if (::mount("tmpfs", disk.dir_->path().c_str(), "tmpfs", 0, "size=1m") != 0)
      return std::nullopt;
    disk.mounted_ = true;
    return disk;
  }
  SmallDisk(SmallDisk&& other) noexcept
      : dir_(std::move(other.dir_)), mounted_(std::exchange(other.mounted_, false)) {}
  ~SmallDisk() {
    if (mounted_) ::umount2(dir_->path().c_str(), MNT_DETACH);
  }
  const std::filesystem::path& path() const { return dir_->path(); }

  /// Takes what room is left.
  void fill() {
    std::ofstream file(path() / "ballast", std::ios::binary);
    const std::string block(1024, 'x');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void free() { std::filesystem::remove(path() / "ballast"); }

 private:
  SmallDisk() : dir_(std::make_unique<TempDir>()) {}
  std::unique_ptr<TempDir> dir_;
  bool mounted_ = false;
};

}  // namespace canary::support

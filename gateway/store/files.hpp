// Small dealings with files that the stores share: a descriptor that closes itself, a durable
// directory entry, and moving a corrupt file aside. Any thread.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.hpp"

namespace canary::store {

/// "cannot <what> <path>: <strerror>".
base::Error file_error(const std::string& what, const std::filesystem::path& path, int error);

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { reset(); }
  int get() const { return fd_; }
  int release();
  void reset();

 private:
  int fd_ = -1;
};

/// Makes a creation or a rename in `directory` survive a power cut.
base::Result<void> sync_directory(const std::filesystem::path& directory);

/// A free name beside `path`: `<path>.corrupt-20261123T061831Z`.
std::filesystem::path corrupt_name(const std::filesystem::path& path);

}  // namespace canary::store

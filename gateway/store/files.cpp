#include "store/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/clock.hpp"

namespace canary::store {

base::Error file_error(const std::string& what, const std::filesystem::path& path, int error) {
  return base::Error("cannot " + what + " " + path.string() + ": " +
                     std::system_category().message(error));
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

int Descriptor::release() { return std::exchange(fd_, -1); }

void Descriptor::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

base::Result<void> sync_directory(const std::filesystem::path& directory) {
  const Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return file_error("open", directory, errno);
  if (::fsync(fd.get()) != 0) return file_error("sync", directory, errno);
  return {};
}

std::filesystem::path corrupt_name(const std::filesystem::path& path) {
  std::string stamp;  // RFC 3339 without its punctuation and fraction, as in file names elsewhere
  for (const char c : base::format_time(base::SystemClock().wall())) {
    if (c == '.') break;
    if (c != '-' && c != ':') stamp += c;
  }
  const std::string base = path.string() + ".corrupt-" + stamp + "Z";
  std::filesystem::path candidate = base;
  std::error_code ignored;
  for (int n = 2; n < 1000 && std::filesystem::exists(candidate, ignored); ++n)
    candidate = base + "-" + std::to_string(n);
  return candidate;
}

}  // namespace canary::store

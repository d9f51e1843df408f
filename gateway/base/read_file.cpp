#include "base/read_file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/url_text.hpp"

namespace canary::base {
namespace {

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

Error error_of(int code) { return Error(std::generic_category().message(code)); }

/// Why a file of this mode is not read; empty when it is.
std::string objection(mode_t mode, Accept accept) {
  const bool streams = accept == Accept::streams;
  if (S_ISREG(mode)) return {};
  if (S_ISDIR(mode)) return std::generic_category().message(EISDIR);
  if (S_ISFIFO(mode)) return streams ? "" : "is a FIFO or a pipe, not a regular file";
  if (S_ISCHR(mode)) return streams ? "" : "is a device, not a regular file";
  if (S_ISSOCK(mode)) return "is a socket, not a regular file";
  return "is not a regular file";
}

std::string size_text(std::size_t bytes) {
  if (bytes % (1 << 20) == 0) return std::to_string(bytes >> 20) + " MiB";
  if (bytes % 1024 == 0) return std::to_string(bytes >> 10) + " KiB";
  return std::to_string(bytes) + " bytes";
}

FileState state_of(const struct stat& status) {
  constexpr std::int64_t ns_per_second = 1'000'000'000;
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
          status.st_mtim.tv_sec * ns_per_second + status.st_mtim.tv_nsec};
}

/// A FIFO with a name may have no writer yet: reading would find its end at once. A pipe has one.
bool has_writer(int fd) {
  constexpr int patience_ms = 2000;
  struct statfs system {};
  if (::fstatfs(fd, &system) == 0 && system.f_type == PIPEFS_MAGIC) return true;
  pollfd wanted{fd, POLLIN, 0};
  return ::poll(&wanted, 1, patience_ms) > 0;
}

/// Up to one byte more than allowed, so that the caller can tell.
Result<std::string> read_all(int fd, std::size_t max_bytes) {
  constexpr std::size_t step = 64 << 10;
  std::string text;
  while (text.size() <= max_bytes) {
    const std::size_t before = text.size();
    text.resize(std::min(before + step, max_bytes + 1));
    const ssize_t got = ::read(fd, text.data() + before, text.size() - before);
    const int error = errno;
    text.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) break;
    if (got > 0 || error == EINTR) continue;
    if (error != EAGAIN) return error_of(error);
    pollfd wanted{fd, POLLIN, 0};
    ::poll(&wanted, 1, -1);
  }
  return {boost::system::in_place_value, std::move(text)};
}

}  // namespace

Result<FileText> read_file(const std::string& path, std::size_t max_bytes, Accept accept) {
  const Descriptor fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
  if (fd.value < 0) return error_of(errno);
  struct stat status {};
  if (::fstat(fd.value, &status) != 0) return error_of(errno);
  if (const auto why = objection(status.st_mode, accept); !why.empty()) return Error(why);
  const bool regular = S_ISREG(status.st_mode);
  if (S_ISFIFO(status.st_mode) && !has_writer(fd.value))
    return Error("is a FIFO to which nobody writes");
  const auto too_large = [&] { return Error("is larger than " + size_text(max_bytes)); };
  if (regular && static_cast<std::uint64_t>(status.st_size) > max_bytes) return too_large();
  auto text = read_all(fd.value, max_bytes);
  if (!text) return text.error();
  if (text->size() > max_bytes) return too_large();
  // The state after reading: a write meanwhile makes it differ from the next look's.
  if (::fstat(fd.value, &status) != 0) return error_of(errno);
  return FileText{std::move(*text), state_of(status)};
}

Result<std::string> read_config_text(const std::string& path) {
  auto file = read_file(path, max_config_bytes, Accept::streams);
  if (!file)
    return Error("cannot read " + without_url_secrets(path) + ": " + file.error().message());
  return {boost::system::in_place_value, std::move(file->text)};
}

}  // namespace canary::base

#include "store/state_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "store/files.hpp"

namespace canary::store {
namespace {

constexpr const char* accepted_name = "last-accepted.yaml";

std::string holder(int fd) {
  char text[32];
  const ssize_t got = ::pread(fd, text, sizeof text, 0);
  std::string pid;
  for (ssize_t i = 0; i < got && text[i] >= '0' && text[i] <= '9'; ++i) pid += text[i];
  return pid.empty() ? "another gateway" : "another gateway (pid " + pid + ")";
}

/// Creates the directory and its parents; what is created is for its owner alone.
base::Result<void> make_directory(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return {};
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return file_error("create the state directory", path, errno);
  return {};
}

base::Result<void> write_all(int fd, std::string_view text, const std::filesystem::path& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return file_error("write", path, written < 0 ? errno : ENOSPC);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

base::Result<void> write_durably(const std::filesystem::path& path, std::string_view text) {
  Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (fd.get() < 0) return file_error("write", path, errno);
  if (auto written = write_all(fd.get(), text, path); !written) return written;
  if (::fsync(fd.get()) != 0) return file_error("sync", path, errno);
  return {};
}

}  // namespace

base::Result<StateDir> StateDir::open(const std::filesystem::path& given) {
  const std::filesystem::path path = given.has_filename() ? given : given.parent_path();
  if (auto made = make_directory(path); !made) return made.error();

  const auto lock_path = path / "lock";
  Descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.get() < 0) return file_error("open", lock_path, errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return file_error("lock", lock_path, errno);
    return base::Error("the state directory " + path.string() + " is in use by " +
                       holder(lock.get()) + ": two gateways cannot share it");
  }
  // The pid is for people alone; a full disk must not keep a gateway from starting.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock.get(), 0) == 0) [[maybe_unused]]
    const ssize_t written = ::pwrite(lock.get(), pid.data(), pid.size(), 0);

  StateDir dir;
  dir.path_ = path;
  dir.lock_ = lock.release();
  return dir;
}

StateDir::StateDir(StateDir&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

StateDir& StateDir::operator=(StateDir&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  return *this;
}

StateDir::~StateDir() {
  if (lock_ >= 0) ::close(lock_);
}

base::Result<void> StateDir::save_accepted(std::string_view text) {
  const auto path = path_ / accepted_name;
  const auto temporary = path_ / (std::string(accepted_name) + ".new");
  if (auto written = write_durably(temporary, text); !written) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return file_error("replace", path, errno);
  return sync_directory(path_);
}

std::optional<std::string> StateDir::load_accepted() const {
  std::ifstream file(path_ / accepted_name, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) return std::nullopt;
  return text;
}

}  // namespace canary::store

#include "store/state_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "log/log.hpp"
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

constexpr std::string_view used_word = "used";

bool says_used(int fd) {
  char text[64];
  const ssize_t got = ::pread(fd, text, sizeof text, 0);
  return got > 0 && std::string_view(text, static_cast<std::size_t>(got)).find(used_word) !=
                        std::string_view::npos;
}

/// A full disk must not keep a gateway from starting, so nothing comes of a failure.
void write_lock(int fd, bool used) {
  std::string text = std::to_string(::getpid()) + "\n";
  if (used) text.append(used_word).append("\n");
  // Before the end is cut off: the word is there at any moment.
  if (::pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()))
    (void)!::ftruncate(fd, static_cast<off_t>(text.size()));
}

/// Creates the directory and its parents; what is created is for its owner alone.
base::Result<void> make_directory(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return {};
  if (path.has_parent_path() && path.parent_path() != path)
    if (auto made = make_directory(path.parent_path()); !made) return made;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return file_error("create the state directory", path, errno);
  return {};
}

/// What the gateway itself writes there, copies of what was damaged among it.
bool is_ours(const std::string& name) {
  const auto begins = [&](std::string_view own) { return name.starts_with(own); };
  return begins("state.db") || begins("latch") || begins(accepted_name) || name == "lock";
}

constexpr std::filesystem::perms others =
    std::filesystem::perms::group_all | std::filesystem::perms::others_all;

std::string octal(std::filesystem::perms mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode) & 07777u);
  return text;
}

void narrow(const std::filesystem::path& path, std::filesystem::perms mode) {
  if ((mode & others) == std::filesystem::perms::none) return;
  std::error_code error;
  std::filesystem::permissions(path, others, std::filesystem::perm_options::remove, error);
  if (error)
    log::warn("state_access_wide",
              {{"path", path.string()}, {"mode", octal(mode)}, {"error", error.message()}});
  else
    log::info("state_access_narrowed", {{"path", path.string()}, {"mode", octal(mode)}});
}

/// Takes away what others may do with our files. The directory itself is narrowed where nothing
/// else is in it: it may be one that others need.
void narrow_access(const std::filesystem::path& directory) {
  std::error_code error;
  bool ours_alone = true;
  for (auto each = std::filesystem::directory_iterator(directory, error);
       !error && each != std::filesystem::directory_iterator(); each.increment(error)) {
    const auto status = each->symlink_status(error);
    if (error) break;
    const bool own = is_ours(each->path().filename().string());
    ours_alone = ours_alone && own;
    if (own && std::filesystem::is_regular_file(status)) narrow(each->path(), status.permissions());
  }
  const auto status = std::filesystem::status(directory, error);
  if (!error && ours_alone) narrow(directory, status.permissions());
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
  ::rmdir(lock_path.c_str());  // nobody can hold an empty directory; anything else stays
  Descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.get() < 0) return file_error("open", lock_path, errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return file_error("lock", lock_path, errno);
    return base::Error("the state directory " + path.string() + " is in use by " +
                       holder(lock.get()) + ": two gateways cannot share it");
  }
  narrow_access(path);
  StateDir dir;
  dir.path_ = path;
  dir.used_ = says_used(lock.get());
  dir.lock_ = lock.release();
  write_lock(dir.lock_, dir.used_);
  return dir;
}

void StateDir::mark_used() {
  if (std::exchange(used_, true)) return;
  write_lock(lock_, true);
}

StateDir::StateDir(StateDir&& other) noexcept
    : path_(std::move(other.path_)),
      lock_(std::exchange(other.lock_, -1)),
      used_(other.used_) {}

StateDir& StateDir::operator=(StateDir&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  std::swap(used_, other.used_);
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

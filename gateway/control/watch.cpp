#include "control/watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <system_error>

namespace canary::control {
namespace {

constexpr std::uint32_t interesting =
    IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF;

void append_components(std::deque<std::filesystem::path>& out, const std::filesystem::path& path) {
  auto at = out.begin();
  for (const auto& part : path)
    if (!part.empty() && part != "/" && part != ".") at = std::next(out.insert(at, part));
}

}  // namespace

std::vector<std::pair<std::filesystem::path, std::string>> links_to(
    const std::filesystem::path& path) {
  std::vector<std::pair<std::filesystem::path, std::string>> links;
  std::error_code error;
  std::deque<std::filesystem::path> left;
  append_components(left, std::filesystem::absolute(path, error));
  std::filesystem::path here = "/";
  int followed = 0;
  while (!left.empty()) {
    const auto part = std::move(left.front());
    left.pop_front();
    if (part == "..") {
      here = here.parent_path();
      continue;
    }
    const bool is_link = std::filesystem::is_symlink(here / part, error);
    if (is_link || left.empty()) links.emplace_back(here, part.string());
    if (!is_link) {
      here /= part;
      continue;
    }
    if (++followed > 40) break;  // a circle; the kernel's own limit
    const auto target = std::filesystem::read_symlink(here / part, error);
    if (error) break;
    if (target.is_absolute()) here = "/";
    append_components(left, target);
  }
  return links;
}

Watch::~Watch() {
  if (inotify_ >= 0) ::close(inotify_);
}

bool Watch::open() {
  inotify_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  return inotify_ >= 0;
}

/// Adding a watch that exists already gives the same descriptor; those of directories that no
/// longer lead to the file stay, but their names are forgotten.
void Watch::follow() {
  watched_.clear();
  if (inotify_ < 0) return;
  for (const auto& [directory, name] : links_to(path_)) {
    const int id = ::inotify_add_watch(inotify_, directory.c_str(), interesting | IN_ONLYDIR);
    if (id < 0) continue;
    watched_[id].path = directory;
    watched_[id].names.insert(name);
  }
}

Change Watch::take() {
  Change newest = Change::none;
  alignas(8) std::array<char, 8192> events;
  for (;;) {
    const ssize_t bytes = inotify_ < 0 ? 0 : ::read(inotify_, events.data(), events.size());
    if (bytes <= 0) return newest;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(bytes);) {
      inotify_event event;
      std::memcpy(&event, events.data() + at, sizeof event);
      const char* name = events.data() + at + sizeof event;
      at += sizeof event + event.len;
      const auto directory = watched_.find(event.wd);
      // What happens to a directory that does not lead to the file any more does not concern it.
      if (directory == watched_.end() && !(event.mask & IN_Q_OVERFLOW)) continue;
      if (event.mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
        newest = Change::unsure;
        continue;
      }
      if (event.len == 0 || !directory->second.names.contains(name)) continue;
      newest = meaning(event.mask, directory->second.path / name);
      // Another link leads elsewhere: the kubelet removes the old directory at once.
      if (newest == Change::replaced) follow();
    }
  }
}

Change Watch::meaning(unsigned mask, const std::filesystem::path& where) const {
  if (mask & IN_MOVED_TO) return Change::replaced;
  if (mask & IN_CLOSE_WRITE) return Change::closed;
  // A new file is empty until it is written; a new link is complete at once.
  std::error_code error;
  if ((mask & IN_CREATE) && std::filesystem::is_symlink(where, error)) return Change::replaced;
  return Change::opened;
}

}  // namespace canary::control

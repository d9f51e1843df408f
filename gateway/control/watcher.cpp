#include "control/watcher.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <cstring>
#include <deque>
#include <system_error>
#include <utility>

#include "log/log.hpp"

namespace canary::control {
namespace {

constexpr auto settle = std::chrono::milliseconds(50);
constexpr auto poll_interval = std::chrono::seconds(10);
// A file counts when it was written and closed, a name when something was moved or linked there.
constexpr std::uint32_t interesting =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF;

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

Watcher::Watcher(boost::asio::io_context& io, std::filesystem::path path,
                 std::function<void()> look)
    : path_(std::move(path)), look_(std::move(look)), inotify_(io), debounce_(io), poll_(io) {}

Watcher::~Watcher() { stop(); }

void Watcher::start() {
  look_later();
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) {
    log::warn("config_watch_failed", {{"error", std::strerror(errno)}, {"fallback", "every 10 s"}});
    return;
  }
  inotify_.assign(fd);
  watch();
  read();
}

void Watcher::stop() {
  // A handler that is due already runs all the same: it finds the token gone.
  alive_.reset();
  boost::system::error_code ignored;
  inotify_.close(ignored);
  debounce_.cancel();
  poll_.cancel();
}

/// Adding a watch that exists already gives the same descriptor; those of directories that no
/// longer lead to the file stay, but their names are forgotten.
void Watcher::watch() {
  watched_.clear();
  for (const auto& [directory, name] : links_to(path_)) {
    const int id =
        ::inotify_add_watch(inotify_.native_handle(), directory.c_str(), interesting | IN_ONLYDIR);
    if (id < 0) continue;
    watched_[id].path = directory;
    watched_[id].names.insert(name);
  }
}

void Watcher::read() {
  inotify_.async_read_some(
      boost::asio::buffer(events_),
      [this, alive = std::weak_ptr(alive_)](boost::system::error_code error, std::size_t bytes) {
        if (error || alive.expired()) return;  // closed, or inotify is gone: the poll remains
        if (concerns_us(bytes)) look_soon();
        read();
      });
}

bool Watcher::concerns_us(std::size_t bytes) {
  bool ours = false;
  for (std::size_t at = 0; at + sizeof(inotify_event) <= bytes;) {
    inotify_event event;
    std::memcpy(&event, events_.data() + at, sizeof event);
    const char* name = events_.data() + at + sizeof event;
    at += sizeof event + event.len;
    if (event.mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
      ours = true;
      continue;
    }
    const auto directory = watched_.find(event.wd);
    if (directory == watched_.end() || event.len == 0) continue;
    if (!directory->second.names.contains(name)) continue;
    // A new file is empty until it is closed; a new link is complete at once.
    std::error_code error;
    ours = ours || !(event.mask & IN_CREATE) ||
           std::filesystem::is_symlink(directory->second.path / name, error);
  }
  return ours;
}

void Watcher::look_soon() {
  debounce_.expires_after(settle);
  debounce_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code cancelled) {
    if (cancelled || alive.expired()) return;
    watch();
    look_();
  });
}

void Watcher::look_later() {
  poll_.expires_after(poll_interval);
  poll_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code cancelled) {
    if (cancelled || alive.expired()) return;
    if (inotify_.is_open()) watch();
    look_();
    look_later();
  });
}

}  // namespace canary::control

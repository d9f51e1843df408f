#include "control/config_file.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <future>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/units.hpp"
#include "control/settling.hpp"
#include "control/watch.hpp"
#include "log/log.hpp"

namespace canary::control {
namespace {

constexpr base::Duration burst = std::chrono::milliseconds(50);
constexpr base::Duration poll_interval = std::chrono::seconds(10);
constexpr base::Duration stuck_after = std::chrono::seconds(2);
constexpr base::Duration check_interval = std::chrono::milliseconds(500);
constexpr base::Duration error_settles = std::chrono::milliseconds(500);

std::string cannot_read(const std::string& path, const std::string& why) {
  return "cannot read " + path + ": " + why;
}

}  // namespace

std::string still_waiting(const std::string& path, base::Duration since) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  return cannot_read(path,
                     "still waiting for its file system since " + base::format_duration(seconds));
}

/// The thread's side. It is detached, because a call on a hung mount cannot be interrupted: it owns
/// its share of this and touches nothing else once `ended`.
struct ConfigFile::Thread {
  Thread(std::string path, Read read)
      : path(std::move(path)), read(std::move(read)), watch(this->path) {}
  ~Thread() {
    if (wake >= 0) ::close(wake);
  }

  const std::string path;
  const Read read;
  const base::SystemClock clock;
  const int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  // When the present call on the path began, since the clock's epoch; 0: there is none.
  std::atomic<base::Duration::rep> busy_since{0};

  std::mutex mutex;  // guards what follows
  bool ended = false, asked = false, watching = false;
  std::function<void(Look)> answer;

  // The thread's own.
  Watch watch;
  bool watches = false;
  Settling settling;
  base::MonoTime next{};  // when it looks by itself
  std::string error;      // of the last look, and when it was first seen
  base::MonoTime error_since{};

  void run();
  bool turn();
  void look(bool was_asked);
  Look see(bool was_asked);
  void busy(bool is) {
    busy_since.store(is ? clock.mono().time_since_epoch().count() : 0, std::memory_order_relaxed);
  }
};

void ConfigFile::Thread::run() {
  while (turn()) {
  }
}

/// Until something is to be done, and does it. False: the end.
bool ConfigFile::Thread::turn() {
  using std::chrono::milliseconds;
  const auto left = std::chrono::ceil<milliseconds>(next - clock.mono()).count();
  pollfd wanted[] = {{wake, POLLIN, 0}, {watch.descriptor(), POLLIN, 0}};
  ::poll(wanted, 2, watches ? static_cast<int>(std::max<long>(left, 0)) : -1);
  bool was_asked = false, begin = false;
  {
    const std::lock_guard lock(mutex);
    if (ended) return false;
    eventfd_t ignored = 0;
    ::eventfd_read(wake, &ignored);
    was_asked = std::exchange(asked, false);
    begin = watching && !watches;
  }
  busy(true);
  if (begin) {
    watches = true;
    if (!watch.open())
      log::warn("config_watch_failed",
                {{"error", std::strerror(errno)}, {"fallback", "every 10 s"}});
    watch.follow();
    next = clock.mono();
  }
  if (const Change change = watch.take(); change != Change::none) {
    settling.changed(change);
    next = clock.mono() + burst;
  }
  if (was_asked || (watches && clock.mono() >= next)) look(was_asked);
  busy(false);
  return true;
}

void ConfigFile::Thread::look(bool was_asked) {
  if (watches) watch.follow();
  Look seen = see(was_asked);
  next = clock.mono() +
         (seen.left > base::Duration::zero() ? std::min(seen.left, poll_interval) : poll_interval);
  busy(false);
  const std::lock_guard lock(mutex);
  if (!ended) answer(std::move(seen));
}

Look ConfigFile::Thread::see(bool was_asked) {
  auto file = read(path);
  const auto now = clock.mono();
  if (file) {
    error.clear();
    const auto left = settling.left(file->state, now, clock.wall());
    return {std::move(file), was_asked, left, settling.open(), settling.whole()};
  }
  // Between an editor's two renames there is no file for a moment.
  const std::string why = cannot_read(path, file.error().message());
  if (std::exchange(error, why) != why) error_since = now;
  const auto left = std::max(error_settles - (now - error_since), base::Duration::zero());
  return {base::Error(why), was_asked, left, false, false};
}

base::Result<base::FileText> ConfigFile::read_system(const std::string& path) {
  return base::read_file(path, base::max_config_bytes);
}

ConfigFile::ConfigFile(Parts parts)
    : parts_(std::move(parts)),
      thread_(std::make_shared<Thread>(parts_.path, parts_.read ? parts_.read : read_system)),
      check_(parts_.io) {
  // Posted looks find out through the weak pointer whether we are still there.
  thread_->answer = [this, &io = parts_.io, weak = std::weak_ptr(thread_)](Look look) {
    boost::asio::post(io, [this, weak, look = std::move(look)] {
      const auto thread = weak.lock();
      if (!thread || thread->ended) return;
      told_ = false;
      parts_.seen(look);
    });
  };
}

ConfigFile::~ConfigFile() { stop(); }

void ConfigFile::run() {
  if (!std::exchange(checks_, true)) check_later();
  if (!running_) begin();
  ::eventfd_write(thread_->wake, 1);
}

/// Where the system has no thread left, who asks is told so, and it is tried again.
void ConfigFile::begin() {
  try {
    std::thread([thread = thread_] { thread->run(); }).detach();
    running_ = true;
  } catch (const std::system_error& error) {
    const std::lock_guard lock(thread_->mutex);
    const bool asked = std::exchange(thread_->asked, false);
    thread_->answer({base::Error(cannot_read(parts_.path, error.code().message())), asked});
  }
}

void ConfigFile::watch() {
  if (!parts_.own_thread) return;
  {
    const std::lock_guard lock(thread_->mutex);
    thread_->watching = true;
  }
  run();
}

void ConfigFile::ask() {
  if (!parts_.own_thread) return thread_->look(true);
  {
    const std::lock_guard lock(thread_->mutex);
    thread_->asked = true;
  }
  run();
}

void ConfigFile::stop() {
  const std::lock_guard lock(thread_->mutex);
  thread_->ended = true;
  thread_->answer = nullptr;
  ::eventfd_write(thread_->wake, 1);
  check_.cancel();
}

std::optional<base::Duration> ConfigFile::stuck_for() const {
  const auto since = thread_->busy_since.load(std::memory_order_relaxed);
  if (since == 0) return std::nullopt;
  const base::Duration busy = thread_->clock.mono().time_since_epoch() - base::Duration(since);
  return busy < stuck_after ? std::nullopt : std::optional(busy);
}

void ConfigFile::check_later() {
  check_.expires_after(check_interval);
  check_.async_wait([this, weak = std::weak_ptr(thread_)](boost::system::error_code cancelled) {
    const auto thread = weak.lock();
    if (cancelled || !thread || thread->ended) return;
    if (!running_) begin();
    if (stuck_for() && !std::exchange(told_, true)) parts_.stuck();
    check_later();
  });
}

base::Result<base::FileText> read_within(const std::string& path, base::Duration patience) {
  auto promise = std::make_shared<std::promise<base::Result<base::FileText>>>();
  auto future = promise->get_future();
  std::thread([promise, path] { promise->set_value(ConfigFile::read_system(path)); }).detach();
  if (future.wait_for(patience) != std::future_status::ready)
    return base::Error(still_waiting(path, patience));
  auto read = future.get();
  if (!read) return base::Error(cannot_read(path, read.error().message()));
  return read;
}

}  // namespace canary::control

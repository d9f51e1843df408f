#include "log/access_log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/clock.hpp"
#include "log/log.hpp"

namespace canary::log {
namespace {

constexpr std::size_t queue_bytes = 8u << 20;
constexpr int stalled_poll_ms = 100;  // how long one buffer waits for a stopped reader
constexpr auto closing_time = std::chrono::seconds(1);

std::string reason(int error) { return std::generic_category().message(error); }

// A pipe is opened for reading too: opening then neither waits nor fails without a reader, and
// writing never raises SIGPIPE. O_NONBLOCK changes nothing for a file on a disk.
int open_append(const std::filesystem::path& path) {
  struct stat status {};
  const bool pipe = ::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
  const int access = pipe ? O_RDWR : O_WRONLY | O_CREAT;
  return ::open(path.c_str(), access | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
}

struct Buffer {
  std::string text;
  std::uint64_t lines = 0;
};

}  // namespace

struct AccessLogWriter::Impl {
  std::filesystem::path path;
  int fd = -1;              // the writer thread's, once it runs
  bool mid_line = false;    // the last write ended within a line, whose rest was dropped
  bool complained = false;  // about the present run of failed writes
  std::atomic<std::uint64_t> dropped{0};

  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  std::deque<Buffer> queue;
  std::size_t queued = 0;
  bool reopening = false;
  bool closing = false;
  base::MonoTime deadline{};  // set with `closing`

  std::thread thread;

  ~Impl() {
    if (fd >= 0) ::close(fd);
  }
  void run();
  void reopen_now();
  void write(const Buffer& buffer);
  std::size_t write_all(std::string_view text, int& error);
};

base::Result<std::unique_ptr<AccessLogWriter>> AccessLogWriter::open(
    const std::filesystem::path& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->fd = open_append(path);
  if (impl->fd < 0)
    return base::Error("cannot open the access log " + path.string() + ": " + reason(errno));
  return std::unique_ptr<AccessLogWriter>(new AccessLogWriter(std::move(impl)));
}

AccessLogWriter::AccessLogWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

AccessLogWriter::~AccessLogWriter() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->closing = true;
    impl_->deadline = base::SystemClock().mono() + closing_time;
  }
  impl_->changed.notify_one();
  impl_->thread.join();
}

bool AccessLogWriter::submit(std::string&& buffer, std::uint64_t lines) {
  if (buffer.empty()) return true;
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->queued + buffer.size() > queue_bytes) {
      impl_->dropped += lines;
      return false;
    }
    impl_->queued += buffer.size();
    impl_->queue.push_back({std::move(buffer), lines});
  }
  impl_->changed.notify_one();
  return true;
}

void AccessLogWriter::reopen() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->reopening = true;
  }
  impl_->changed.notify_one();
}

std::uint64_t AccessLogWriter::dropped_lines() const { return impl_->dropped.load(); }

void AccessLogWriter::Impl::run() {
  for (;;) {
    Buffer next;
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return !queue.empty() || reopening || closing; });
      if (std::exchange(reopening, false)) {
        lock.unlock();
        reopen_now();
        continue;
      }
      if (queue.empty()) return;
      next = std::move(queue.front());
      queue.pop_front();
      queued -= next.text.size();
      if (closing && base::SystemClock().mono() > deadline) {
        dropped += next.lines;
        continue;
      }
    }
    write(next);
  }
}

void AccessLogWriter::Impl::reopen_now() {
  const int next = open_append(path);
  if (next < 0) {
    log::error("access_log_reopen_failed", {{"path", path.string()}, {"error", reason(errno)}});
    return;
  }
  ::close(std::exchange(fd, next));
  mid_line = false;
}

void AccessLogWriter::Impl::write(const Buffer& buffer) {
  // After a torn line, the next one starts on a line of its own.
  const bool torn = mid_line;
  const std::string text = torn ? "\n" + buffer.text : std::string();
  const std::string_view whole = torn ? std::string_view(text) : std::string_view(buffer.text);
  int error = 0;
  const std::size_t written = write_all(whole, error);
  if (written > 0) mid_line = whole[written - 1] != '\n';
  if (written == whole.size()) {
    complained = false;
    return;
  }
  const std::string_view rest = whole.substr(written);
  const auto lost = static_cast<std::uint64_t>(std::count(rest.begin(), rest.end(), '\n'));
  dropped += std::min(lost, buffer.lines);
  if (std::exchange(complained, true)) return;
  log::warn("access_log_write_failed", {{"path", path.string()}, {"error", reason(error)}});
}

std::size_t AccessLogWriter::Impl::write_all(std::string_view text, int& error) {
  std::size_t written = 0;
  bool waited = false;
  while (written < text.size()) {
    const ssize_t n = ::write(fd, text.data() + written, text.size() - written);
    if (n > 0) {
      written += static_cast<std::size_t>(n);
      waited = false;
      continue;
    }
    error = n < 0 ? errno : EIO;
    if (error == EINTR) continue;
    if (error != EAGAIN || waited) return written;
    pollfd wanted{fd, POLLOUT, 0};
    ::poll(&wanted, 1, stalled_poll_ms);
    waited = true;
  }
  return written;
}

}  // namespace canary::log

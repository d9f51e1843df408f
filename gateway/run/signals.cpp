#include "run/signals.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

#include "log/log.hpp"
#include "run/crash_line.hpp"

namespace canary::run {
namespace {

constexpr auto last_writes = std::chrono::seconds(10);

// Read from the signalfd. What run/gateway has no use for is logged and ignored: a stray signal
// must not end a proxy.
constexpr int handled[] = {SIGTERM, SIGINT,  SIGQUIT, SIGXCPU, SIGHUP,    SIGUSR1,
                           SIGUSR2, SIGALRM, SIGPOLL, SIGPWR,  SIGSTKFLT, SIGURG};
// A profiler that is loaded into us brings its own handler for SIGPROF: those stay.
constexpr int ignored[] = {SIGPIPE, SIGXFSZ, SIGVTALRM, SIGPROF, SIGTTOU, SIGTTIN, SIGWINCH};

sigset_t set_of_handled() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : handled) sigaddset(&set, number);
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) sigaddset(&set, number);
  return set;
}

void ignore_unless_taken(int number) {
  struct sigaction action {};
  if (::sigaction(number, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) return;
  action.sa_handler = SIG_IGN;
  ::sigaction(number, &action, nullptr);
}

int open_signalfd(const sigset_t& set) {
  const int fd = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  return fd;
}

[[noreturn]] void end_at_start() {
  log::info("stopped");
  log::stop();
  ::_exit(0);
}

}  // namespace

void take_signals() {
  const sigset_t set = set_of_handled();
  // Also what a careless parent left blocked is settled here.
  ::pthread_sigmask(SIG_SETMASK, &set, nullptr);
  for (const int number : ignored) ignore_unless_taken(number);
  say_crashes();
}

std::string signal_name(int number) {
  if (number >= SIGRTMIN && number <= SIGRTMAX)
    return "SIGRTMIN+" + std::to_string(number - SIGRTMIN);
  const char* name = ::sigabbrev_np(number);
  return name ? std::string("SIG") + name : "signal " + std::to_string(number);
}

Signals::Signals(boost::asio::io_context& io, std::function<void(int)> came)
    : descriptor_(io), came_(std::move(came)) {}

void Signals::start() {
  descriptor_.assign(open_signalfd(set_of_handled()));
  read();
}

void Signals::read() {
  descriptor_.async_read_some(boost::asio::buffer(buffer_),
                              [this](boost::system::error_code error, std::size_t bytes) {
                                if (error) return;
                                for (std::size_t at = 0; at + sizeof(signalfd_siginfo) <= bytes;
                                     at += sizeof(signalfd_siginfo)) {
                                  signalfd_siginfo info;
                                  std::memcpy(&info, buffer_.data() + at, sizeof info);
                                  came_(static_cast<int>(info.ssi_signo));
                                }
                                read();
                              });
}

StartGuard::StartGuard() : wake_(::eventfd(0, EFD_CLOEXEC)) {
  sigset_t ends;
  sigemptyset(&ends);
  for (const int number : {SIGTERM, SIGINT, SIGQUIT}) sigaddset(&ends, number);
  thread_ = std::thread([wake = wake_, signals = open_signalfd(ends)] {
    pollfd wanted[] = {{signals, POLLIN, 0}, {wake, POLLIN, 0}};
    while (::poll(wanted, 2, -1) < 0 && errno == EINTR) {
    }
    if (wanted[1].revents == 0 && wanted[0].revents != 0) end_at_start();
    ::close(signals);
  });
}

StartGuard::~StartGuard() {
  ::eventfd_write(wake_, 1);
  thread_.join();
  ::close(wake_);
}

void end_soon(int status) {
  try {
    std::thread([status] {
      std::this_thread::sleep_for(last_writes);
      ::_exit(status);
    }).detach();
  } catch (const std::system_error&) {  // no thread is left: then the end waits for the disks
  }
}

}  // namespace canary::run

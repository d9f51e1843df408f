// What becomes of every signal (the table is in docs/operations.md, and a test holds it):
//   handled on the control thread: all are blocked from main()'s first line on, in every thread,
//   and read from a signalfd, so that none can come too early or interrupt a worker; ignored: those
//   whose default would end or stop us for nothing (SIGPIPE, SIGXFSZ, ...); crashes (SIGSEGV,
//   SIGBUS, ...): one line on stderr, then the default action with its core.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

namespace canary::run {

/// Before any thread is made, and as early as can be: a SIGHUP that comes earlier ends the process.
void take_signals();

/// "SIGUSR2", "SIGRTMIN+3".
std::string signal_name(int number);

/// Tells of each signal that came, also of those that came since take_signals(). Control thread.
class Signals {
 public:
  Signals(boost::asio::io_context& io, std::function<void(int)> came);
  void start();

 private:
  void read();
  boost::asio::posix::stream_descriptor descriptor_;
  std::function<void(int)> came_;
  alignas(8) std::array<char, 1024> buffer_{};
};

/// While the start may wait for a disk: SIGTERM, SIGINT and SIGQUIT end the process at once with
/// status 0. Nothing is in force yet, so that there is nothing to drain.
class StartGuard {
 public:
  StartGuard();
  ~StartGuard();
  StartGuard(const StartGuard&) = delete;
  StartGuard& operator=(const StartGuard&) = delete;

 private:
  int wake_ = -1;
  std::thread thread_;
};

/// From now on the process ends with `status` after a while, whatever the disks that hold up its
/// last writes do.
void end_soon(int status);

}  // namespace canary::run

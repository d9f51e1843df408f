#include "run/crash_line.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <string_view>

#include "base/clock.hpp"

// NOLINTBEGIN: what follows __has_feature is clang's
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CANARY_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CANARY_SANITIZED 1
#endif
#endif
// NOLINTEND

namespace canary::run {
namespace {

struct Fault {
  int number;
  std::string_view name, meaning;
};
constexpr Fault faults[] = {
    {SIGSEGV, "SIGSEGV", "an access to memory that is not ours: a bug, report it"},
    {SIGBUS, "SIGBUS",
     "a mapped file was cut short, its disk failed or is full, or memory is broken"},
    {SIGILL, "SIGILL", "an instruction that this CPU does not have: a build for another CPU"},
    {SIGFPE, "SIGFPE", "an impossible calculation: a bug, report it"},
    {SIGABRT, "SIGABRT", "the process ended itself: the lines before say why"},
    {SIGSYS, "SIGSYS", "a system call that a seccomp filter forbids"},
    {SIGTRAP, "SIGTRAP", "a trap: a bug, report it"},
};

/// Only what a signal handler may do: no allocation, no lock.
class Line {
 public:
  void put(std::string_view text) {
    for (const char c : text)
      if (size_ < text_.size()) text_[size_++] = c;
  }
  void put_number(std::uint64_t number, unsigned base, int digits) {
    std::array<char, 20> out{};
    std::size_t at = out.size();
    for (; number != 0 || digits > 0; number /= base, --digits)
      out[--at] = "0123456789abcdef"[number % base];
    put({&out[at], out.size() - at});
  }
  void put_time() {
    using namespace std::chrono;
    const base::WallTime now = base::SystemClock().wall();
    const sys_days day = floor<days>(now);
    const year_month_day date{day};
    const auto ms = static_cast<std::uint64_t>(floor<milliseconds>(now - day).count());
    const std::uint64_t second = ms / 1000;
    put_number(static_cast<std::uint64_t>(static_cast<int>(date.year())), 10, 4);
    put("-"), put_number(static_cast<unsigned>(date.month()), 10, 2);
    put("-"), put_number(static_cast<unsigned>(date.day()), 10, 2);
    put("T"), put_number(second / 3600, 10, 2);
    put(":"), put_number(second / 60 % 60, 10, 2);
    put(":"), put_number(second % 60, 10, 2);
    put("."), put_number(ms % 1000, 10, 3);
    put("Z");
  }
  void write() const {
    if (::write(STDERR_FILENO, text_.data(), size_) < 0) return;  // nobody can be told
  }

 private:
  std::array<char, 512> text_{};
  std::size_t size_ = 0;
};

extern "C" void crashed(int number, siginfo_t* info, void*) {
  const Fault* fault = &faults[0];
  for (const Fault& each : faults)
    if (each.number == number) fault = &each;
  Line line;
  line.put("{\"time\":\""), line.put_time();
  line.put("\",\"level\":\"error\",\"event\":\"crashed\",\"signal\":\""), line.put(fault->name);
  const bool sent = info->si_code <= 0 && !(number == SIGABRT && info->si_code == SI_TKILL);
  if (sent) {
    line.put("\",\"sent_by_pid\":");
    line.put_number(static_cast<std::uint64_t>(info->si_pid), 10, 1);
    line.put(",\"message\":\"somebody sent it\"}\n");
  } else {
    line.put("\",\"address\":\"0x");
    line.put_number(reinterpret_cast<std::uintptr_t>(info->si_addr), 16, 1);
    line.put("\",\"message\":\""), line.put(fault->meaning), line.put("\"}\n");
  }
  line.write();
  // The handler is gone by now (SA_RESETHAND). A fault happens again on return, with its own
  // registers in the core; what was sent must be sent again.
  if (info->si_code <= 0) ::raise(number);
}

}  // namespace

void say_crashes() {
#ifndef CANARY_SANITIZED
  for (const Fault& fault : faults) {
    struct sigaction action {};
    if (::sigaction(fault.number, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) continue;
    action.sa_sigaction = crashed;
    action.sa_flags = SA_SIGINFO | SA_RESETHAND;
    ::sigaction(fault.number, &action, nullptr);
  }
#endif
}

}  // namespace canary::run

// A process of a test's own that may be killed at any instruction, and memory that survives it. The
// parent must have no threads when it forks (TSan insists, and so does common sense).
#pragma once

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CANARY_NO_FORK 1  // its runtime cannot start threads in a forked child
#endif
#endif

namespace canary::support {

/// One T that parent and children share. What a child wrote stays when it is killed.
template <class T>
class SharedMemory {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  SharedMemory() {
    void* memory =
        ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no shared memory");
    value_ = new (memory) T();
  }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  ~SharedMemory() { ::munmap(value_, sizeof(T)); }
  T& operator*() const { return *value_; }
  T* operator->() const { return value_; }

 private:
  T* value_;
};

/// How a child ended.
struct Ending {
  bool killed = false;  // by SIGKILL
  int status = 0;       // as from waitpid
  std::string text() const {
    if (WIFEXITED(status)) return "exit status " + std::to_string(WEXITSTATUS(status));
    return "signal " + std::to_string(WTERMSIG(status));
  }
};

/// Runs `life` in a child process; its return value is the child's exit status.
template <class F>
Ending in_child(F&& life) {
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) ::_exit(life());
  Ending ending;
  while (::waitpid(child, &ending.status, 0) < 0)
    if (errno != EINTR) throw std::runtime_error("cannot wait for the child");
  ending.killed = WIFSIGNALED(ending.status) && WTERMSIG(ending.status) == SIGKILL;
  return ending;
}

/// What kill -9 does to the calling process.
[[noreturn]] inline void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

}  // namespace canary::support

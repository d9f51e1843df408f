// Task<T>: a coroutine that runs at once. The caller that awaits it is suspended only if the task
// could not finish: the way through a request that never blocks is a plain sequence of calls.
// Owned by whoever holds the Task; a suspended task is resumed, never destroyed midway.
// No symmetric transfer: it overflowed the stack where the compiler made no tail call of it.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "reactor/frame_pool.hpp"

namespace canary::reactor {

namespace detail {

struct PromiseBase {
  std::coroutine_handle<> waiting;

  std::suspend_never initial_suspend() noexcept { return {}; }
  struct Final {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> self) noexcept {
      // Resuming the caller may destroy this frame: nothing of it is touched afterwards.
      if (auto waiting = self.promise().waiting) waiting.resume();
    }
    void await_resume() noexcept {}
  };
  Final final_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }

  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }
};

/// The handle of a promise's coroutine. Clang must not see whose it is: clang 14 puts the frame of
/// a task that finished at once on its caller's stack, and then takes it for unfinished.
template <class Promise>
std::coroutine_handle<Promise> handle_of(Promise& promise) noexcept {
  void* address = std::coroutine_handle<Promise>::from_promise(promise).address();
#ifdef __clang__
  asm volatile("" : "+r"(address));
#endif
  return std::coroutine_handle<Promise>::from_address(address);
}

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  auto get_return_object() noexcept { return handle_of(*this); }
  void return_value(T v) { value = std::move(v); }
  T take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
  auto get_return_object() noexcept { return handle_of(*this); }
  void return_void() noexcept {}
  void take() noexcept {}
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;

  Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool done() const { return !handle_ || handle_.done(); }
  bool await_ready() const noexcept { return handle_.done(); }
  void await_suspend(std::coroutine_handle<> caller) noexcept {
    handle_.promise().waiting = caller;
  }
  T await_resume() { return handle_.promise().take(); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

}  // namespace canary::reactor

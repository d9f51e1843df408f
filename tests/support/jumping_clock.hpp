// The system's clock, for a process that is stopped when a test says so.
#pragma once

#include <atomic>

#include "base/clock.hpp"

namespace canary::test {

class JumpingClock final : public base::Clock {
 public:
  base::MonoTime mono() const override {
    return base::SystemClock().mono() + base::Duration(jumped_.load());
  }
  base::WallTime wall() const override {
    return base::SystemClock().wall() + base::Duration(jumped_.load());
  }
  /// From any thread: the process has not run for so long.
  void jump(base::Duration by) { jumped_ += by.count(); }

 private:
  std::atomic<std::int64_t> jumped_{0};
};

}  // namespace canary::test

// Tells decisions in their order. A decision that is in force and waits for its commit is told when
// the commit comes back, and everything before it first; a rollback is told at once, and before it
// whatever was decided earlier. Control thread.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "notify/notifier.hpp"

namespace canary::control {

class Telling {
 public:
  using Messages = std::vector<notify::Message>;
  explicit Telling(notify::Notifier* notifier) : notifier_(notifier) {}

  /// The messages of the next decision. What is returned names them.
  std::uint64_t add(Messages messages);
  /// Tells that decision and those before it, each once.
  void tell_until(std::uint64_t number);

 private:
  notify::Notifier* notifier_;
  std::deque<Messages> untold_;  // the oldest decision first
  std::uint64_t told_ = 0;       // how many decisions
};

}  // namespace canary::control

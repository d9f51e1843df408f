// Sees a body's bytes as they pass between two wires. It is called on the worker's thread, in the
// middle of a transfer: it copies what it wants to keep, within a bound of its own, and returns. It
// has no way to make anybody wait, and no way to change a byte.
#pragma once

#include <string_view>

#include "http/first_event.hpp"

namespace canary::call {

class BodyObserver {
 public:
  /// The next bytes of the body, framing taken off, however they are cut.
  virtual void see(std::string_view bytes) = 0;

 protected:
  ~BodyObserver() = default;
};

/// Where the content of an event stream begins: its latency is that of the first event.
class FirstEventObserver final : public BodyObserver {
 public:
  void see(std::string_view bytes) override { first_.feed(bytes); }
  bool began() const { return first_.began(); }

 private:
  http::FirstEvent first_;
};

}  // namespace canary::call

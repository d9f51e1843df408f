// Sees a body's bytes as they pass between two wires. It is called on the worker's thread, in the
// middle of a transfer: it copies what it wants to keep, within a bound of its own, and returns. It
// has no way to make anybody wait, and no way to change a byte.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
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

/// Keeps a copy of what passes, for somebody who reads it later, or never: what there is no room
/// for by then is missed, and counted.
class BodyTap final : public BodyObserver {
 public:
  explicit BodyTap(std::size_t bound) : bound_(bound) {}
  void see(std::string_view bytes) override {
    const std::size_t fits = missed_ > 0 ? 0 : std::min(bytes.size(), bound_ - kept_.size());
    kept_ += bytes.substr(0, fits);
    missed_ += bytes.size() - fits;
  }
  /// What has been kept: the body from where take() left off, without a gap.
  std::string_view kept() const { return kept_; }
  void take(std::size_t count) { kept_.erase(0, count); }
  /// Bytes behind that. Once some are missed, all that follow are.
  std::uint64_t missed() const { return missed_; }

 private:
  std::size_t bound_;
  std::string kept_;
  std::uint64_t missed_ = 0;
};

}  // namespace canary::call

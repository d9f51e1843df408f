// One direction of a message's body under way: from where it comes to where it goes, framing taken
// off and put on as it passes, never collected. Made by the wires at its two ends, which agree on
// how the bytes pass; the call drives it. Does what it can without waiting and says what it waits
// for; the call waits.
#pragma once

#include <cstdint>

#include "call/body_observer.hpp"

namespace canary::call {

class Transfer {
 public:
  enum class Progress : std::uint8_t {
    done,           // the whole body is sent
    want_input,     // nothing more to read for now
    want_output,    // the receiver is slow
    gave_way,       // its share of this turn is used up; call again after others had theirs
    source_ended,   // the sender closed before the end of the body
    source_failed,  // the sender's connection broke
    sink_failed,    // the receiver's connection broke
    bad_framing,    // the sender's framing is broken
    too_large,      // more body than its limit
  };
  virtual Progress step() = 0;

  /// Bytes received or sent, framing included: to see progress.
  std::uint64_t bytes_moved() const { return moved_; }
  /// Of the body, as far as they have been read.
  virtual std::uint64_t body_bytes() const = 0;
  /// With sink_failed: an errno.
  int error() const { return error_; }

  /// Shows it the body's bytes as they pass. It outlives the transfer.
  void watch(BodyObserver& observer) { observer_ = &observer; }
  /// Tells the receiver that no more will come (a tunnel's direction that is done).
  virtual void pass_on_end() = 0;

 protected:
  ~Transfer() = default;

  std::uint64_t moved_ = 0;
  int error_ = 0;
  BodyObserver* observer_ = nullptr;
};

}  // namespace canary::call

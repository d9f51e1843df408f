// When a worker takes an endpoint out because it cannot be connected to, and when it tries it
// again. Pure: time and chance are arguments. One per worker and endpoint.
//
//   in use --(eject_after failures in a row)--> ejected --(back-off)--> one half-open try
//      ^                                           ^                      |        |
//      '-------------- connected -------------------------------------- '        |
//                                                  '--- failed: twice the back-off '
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.hpp"

namespace canary::upstream {

using base::Duration;
using base::MonoTime;

/// How an endpoint comes to be tried.
enum class Try : std::uint8_t {
  in_use,      // it is not ejected
  half_open,   // its back-off has passed: one request finds out
  last_resort  // it has not, but there is nobody else
};

class Ejection {
 public:
  /// The back-off behind the nth failed half-open try, 0 for the first ejection: 1 s, doubling up
  /// to 30 s, a quarter more or less; half of it for each step below 0. `chance` is in [0, 1).
  static Duration back_off(int n, double chance);

  bool ejected() const { return ejected_; }
  MonoTime failed_at() const { return failed_at_; }  // meaningful while ejected, as is the next
  MonoTime retry_at() const { return retry_at_; }
  /// Ejected, and a request is finding out at this moment.
  bool trying() const { return trying_; }
  /// Whether a request may try it. `answered`: when the last good probe was sent; if that was after
  /// the last failure, it stands for the rest of the back-off.
  bool admits(MonoTime now, MonoTime answered = {}) const {
    return !ejected_ || (!trying_ && (now >= retry_at_ || answered > failed_at_));
  }

  /// An ejected endpoint is about to be tried.
  void begin_try() { trying_ = true; }
  /// There is reason to think that it is back, or soon will be: the next request may find out, and
  /// when it is not, others soon after, from back_off(hastened) on. So it is out for about twice as
  /// long as it could not be connected to, and no longer.
  void hasten(MonoTime now);
  static constexpr int hastened = -5;
  /// The try came to nothing that would tell of the endpoint.
  void abandon_try() { trying_ = false; }
  /// True: it has been ejected until now.
  bool connected();
  /// `eject_after`: that many failures in a row, 0: never. True: it is ejected from now on.
  bool failed(Try how, MonoTime now, std::uint32_t eject_after, double chance);

 private:
  void back_off_from(MonoTime now, double chance);

  std::uint32_t failures_ = 0;  // in a row
  std::int8_t tries_ = 0;       // what the next back-off is behind
  bool ejected_ = false, trying_ = false;
  MonoTime failed_at_{}, retry_at_{};
};

}  // namespace canary::upstream

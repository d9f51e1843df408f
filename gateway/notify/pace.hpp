// How often a message is tried. Exponential back-off with full jitter: a receiver that comes back
// is not met by everything at once ("Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace canary::notify {

struct Pace {
  base::Duration least = std::chrono::seconds(1);  // between two tries of a receiver in trouble
  base::Duration slow = std::chrono::seconds(10);  // between two tries of a message put aside
  base::Duration most = std::chrono::minutes(5);
  base::Duration timeout = std::chrono::seconds(10);  // of one try
  base::Duration give_up = std::chrono::hours(72);    // in the queue
  unsigned patience = 5;        // tries for which a message holds back the newer ones
  std::size_t capacity = 1000;  // messages waiting for one receiver
};

/// Uniform in [least, min(most, least * 2^failures)); `failures` counts from 1.
base::Duration back_off(base::Duration least, base::Duration most, unsigned failures,
                        base::Random& random);

/// A Retry-After value (RFC 9110, 10.2.3): seconds, or a date against `now`. Not negative.
std::optional<base::Duration> parse_retry_after(std::string_view value, base::WallTime now);

}  // namespace canary::notify

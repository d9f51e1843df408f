// The bearer token of the admin listener, and the brake on guessing it.
#pragma once

#include <string_view>

#include "base/clock.hpp"

namespace canary::admin {

/// Whether an Authorization header's value carries the token. The comparison takes the same time
/// wherever the first difference is.
bool bears(std::string_view authorization, std::string_view token);

/// Failed attempts: ten at once, then one a second, over all clients. One that exceeds it is
/// answered 429. The right token is always let in, so that nobody can lock the operators out.
class FailureBrake {
 public:
  bool allows(base::MonoTime now);

 private:
  static constexpr double burst = 10;
  double left_ = burst;
  base::MonoTime last_{};
};

}  // namespace canary::admin

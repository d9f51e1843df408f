// How often a worker believes in the keep-alive race with one version. A request that the
// upstream's kernel took, on a connection that then dies without an answer, may have met an idle
// timeout, or a version that crashes on its input. The first is rare: a few are excused, then one
// in a thousand requests, so that a version that crashes more often than that cannot hide behind
// it, nor behind the other version's answers.
// docs/decisions/0015-keep-alive-races-are-rare.md
#pragma once

#include <cstdint>

namespace canary::stats {

class RaceAllowance {
 public:
  static constexpr std::uint32_t burst = 8;
  static constexpr std::uint32_t requests_per_excuse = 1000;

  /// It answered a request.
  void answered() {
    if (++answered_ < requests_per_excuse) return;
    answered_ = 0;
    if (left_ < burst) ++left_;
  }
  /// Whether this one is excused.
  bool take() {
    if (left_ == 0) return false;
    --left_;
    return true;
  }

 private:
  std::uint32_t left_ = burst, answered_ = 0;
};

}  // namespace canary::stats

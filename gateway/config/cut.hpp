// Whether a file merely ends early: its writer died, its disk was full, or it is still being
// written. Half a file can be valid, and say less: no plan, hence a raise; no canary, hence a lost
// phase. Pure.
#pragma once

#include <string>
#include <string_view>

#include "config/config.hpp"

namespace canary::config {

/// Whether `text` looks like the beginning of `in_force`, edited or not: it has no content, or its
/// last line (which may be cut too) stands in `in_force` where more follows, or it stops within a
/// line. Comments and empty lines do not count.
bool ends_early(std::string_view text, std::string_view in_force);

struct Lack {
  std::string what;           // "the plan of comp-critic, model dcf"; empty: nothing is missing
  bool only_canaries = true;  // then taking it up would only lower weights
};
/// What the next configuration lacks of the one in force, of what must not be lost by accident:
/// models, canaries, the plan and the SLO of a canary that stays, receivers of notices.
Lack lack_of(const Config& in_force, const Config& next);

}  // namespace canary::config

// Whether a file merely ends early: its writer died, its disk was full, or it is still being
// written. Half a file can be valid, and say less: no ceiling, hence a raise; no canary, hence a
// lost phase. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace canary::config {

/// Whether `text` looks like the beginning of `in_force`, edited or not: it has no content, or its
/// last lines (the last one may be cut too) stand in `in_force` where more follows, or it stops
/// within a line. Comments and empty lines do not count.
bool ends_early(std::string_view text, std::string_view in_force);

struct Lack {
  /// Paths, in the file's order: "models.m.plan", "models.m.match[1]" (and what follows in that
  /// list), "the end of models.m.plan.phases[0].hold".
  std::vector<std::string> keys;
  /// What is missing are canaries, with what only concerns them, and nothing else differs: taking
  /// it up would only lower weights.
  bool only_canaries = true;

  bool contains(std::string_view key) const;
  std::string what() const;  // for people; empty: nothing is missing
};
/// What a text that ends early lacks of the one in force. Both are sound.
Lack lack_of(std::string_view text, std::string_view in_force);

}  // namespace canary::config

// What holds for any bytes that are loaded as a configuration file: shared by the seeded mutations
// and by the fuzzer.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>

#include "config/load.hpp"

namespace canary::config {

/// What is wrong with the way `problem` would be shown, or empty.
inline std::string showing_violation(const Problem& problem, int line_count) {
  const std::string text = problem.to_string("f");
  const bool printable = std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (!printable) return "a problem with control characters";
  if (text.size() > 5000) return "an endless problem: " + text;
  if (problem.line < 0 || problem.line > line_count || problem.column < 0)
    return "a place outside the text: " + text;
  if (problem.found.empty() || problem.expected.empty()) return "an empty problem: " + text;
  return {};
}

/// Loads `bytes`; what is wrong with the answer, or empty.
inline std::string load_violation(std::string_view bytes) {
  const Loaded loaded = load(bytes);
  // yaml-cpp places the end of a text on the line after it.
  const auto lines =
      static_cast<int>(std::count_if(bytes.begin(), bytes.end(),
                                     [](char c) { return c == '\n' || c == '\r'; })) +
      2;
  for (const auto* problems : {&loaded.errors, &loaded.warnings})
    for (const auto& problem : *problems)
      if (auto violation = showing_violation(problem, lines); !violation.empty()) return violation;
  const auto sorted = [](const Problem& a, const Problem& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  };
  if (!std::is_sorted(loaded.errors.begin(), loaded.errors.end(), sorted)) return "out of order";
  if (!loaded.ok()) return {};
  for (const auto& model : loaded.config.models) {
    if (model.match.empty() || model.stable.endpoints.empty()) return "an empty model accepted";
    if (model.canary && model.canary->rollout_percentage > base::full_weight) return "over 100%";
  }
  return loaded.config.models.empty() ? "no models accepted" : "";
}

}  // namespace canary::config

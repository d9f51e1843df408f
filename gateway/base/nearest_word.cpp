#include "base/nearest_word.hpp"

#include <algorithm>

namespace canary::base {
namespace {

// How many single-character edits lie between two words (Levenshtein, 1965), by rows.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replace, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

constexpr std::size_t longest_guess = 64;  // a longer key was not meant to be one of ours
constexpr std::size_t most_named = 10;

}  // namespace

std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  if (word.size() > longest_guess) return best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance >= best_distance || distance >= std::max(word.size(), candidate.size())) continue;
    best = candidate;
    best_distance = distance;
  }
  if (!best.empty() || word.size() < 4) return best;
  for (const auto& candidate : candidates)  // `percentage` for `rollout_percentage`
    if (candidate.find(word) != std::string::npos) return candidate;
  return best;
}

std::string known_words(std::string_view word, const std::vector<std::string>& known,
                        std::string_view none) {
  if (known.empty()) return std::string(none);
  std::string out = "known: ";
  for (std::size_t i = 0; i < known.size() && i < most_named; ++i)
    out += (i == 0 ? "" : ", ") + known[i];
  if (known.size() > most_named)
    out += " and " + std::to_string(known.size() - most_named) + " more";
  const std::string guess = nearest_word(word, known);
  return guess.empty() ? out : out + "; did you mean " + guess + "?";
}

}  // namespace canary::base

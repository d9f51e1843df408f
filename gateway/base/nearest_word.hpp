// "Did you mean ...?" Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace canary::base {

/// The candidate that `word` was probably meant to be, or empty.
std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates);

/// `known: a, b; did you mean a?`, for a message about a word that is none of `known`; at most ten
/// of them are named. `none` when there are none.
std::string known_words(std::string_view word, const std::vector<std::string>& known,
                        std::string_view none);

}  // namespace canary::base

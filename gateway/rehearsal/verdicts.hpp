// Holds a story to what its scenario expects of it. Pure.
#pragma once

#include <vector>

#include "rehearsal/story.hpp"

namespace canary::rehearsal {

/// One verdict per expectation, in order; an unmet one says what happened instead.
std::vector<Verdict> judge(const Story& story, const std::vector<config::Expectation>& expected);

}  // namespace canary::rehearsal

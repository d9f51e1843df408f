// A picture of a canary's weight over the rehearsal, in characters. Pure.
#pragma once

#include <string>

#include "rehearsal/story.hpp"

namespace canary::rehearsal {

/// Some lines, each with its newline: a row per weight that occurred, an axis on which phases,
/// rollbacks and the plan's end are marked, and the times below it.
std::string chart(const ModelStory& model, const Story& story);

}  // namespace canary::rehearsal

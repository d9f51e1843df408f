// A story for people, and for programs. Pure.
#pragma once

#include <iosfwd>
#include <string>

#include "rehearsal/story.hpp"

namespace canary::rehearsal {

/// What the story is about, as its files are called.
struct Titles {
  std::string config, scenario, title;
};

/// Timeline, charts and summary.
void write_text(const Story& story, const Titles& titles, std::ostream& out);
/// One JSON document; its fields: docs/rehearsal.md.
void write_json(const Story& story, const Titles& titles, std::ostream& out);

}  // namespace canary::rehearsal

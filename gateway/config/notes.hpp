// What a good file means at other traffic than its numbers were thought for: a default that serves
// 100 requests per second may never judge at 1 and judge by chance at 10,000. `check` says it;
// nothing is refused. The table behind it: docs/defaults.md. Pure.
#pragma once

#include "config/report.hpp"

namespace canary::config {

/// `report` knows which keys stand in the file: what somebody chose is not told of.
std::vector<Note> notes(const Config& config, const Report& report);

}  // namespace canary::config

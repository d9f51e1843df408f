// A rollback in words, as the latch file keeps it until the database has it: after a crash on a
// full disk it is recorded and sent exactly as it was decided. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "rollout/advance.hpp"

namespace canary::control {

struct RollbackNote {
  base::WallTime time{};
  std::string stable;  // the version that serves instead
  std::string trigger;
  rollout::Mode mode = rollout::Mode::immediate;
  rollout::Entry entry;
};

std::string text_of(const RollbackNote& note);
/// Nothing when the text is not one of ours, or its end was left out.
std::optional<RollbackNote> read_note(std::string_view text);

}  // namespace canary::control

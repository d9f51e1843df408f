// The gateway's JSON as text for a person at a terminal. Pure. Fields that are missing are left out
// rather than guessed; text of the gateway never reaches the terminal with control characters in
// it.
#pragma once

#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace canary::cli {

struct Style {
  bool colour = false;
  base::WallTime now{};
};

/// One block per model: who serves, how much and why, the rollout and its criteria.
std::string render_status(const boost::json::value& status, const Style& style);
/// One line per decision, newest first.
std::string render_history(const boost::json::value& history, const Style& style);
/// What a command is about to act on, in one line; empty for a model that is not there.
std::string render_acts_on(const boost::json::value& model);
/// What `forget` is about to act on, in one line; empty for a version that is not latched.
std::string render_forgets(const boost::json::value& latch);
/// One line per latched version.
std::string render_latches(const boost::json::value& latches);
/// What became of `set`.
std::string render_flag(std::string_view version, const boost::json::value& flag);
/// What became of `resume` (done = "resumed") or `rollback`.
std::string render_command(std::string_view done, const boost::json::value& answer);

}  // namespace canary::cli

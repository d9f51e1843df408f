// Names of those who ask for something, fit for the history. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace canary::admin {

/// The name as the history shall have it: spaces around it are removed. A name that can be
/// read as `gateway`, which only the gateway's own decisions bear, gets `operator:` in front
/// (`GATEWAY`, `9ateway`, `gateway1`, look-alikes of other scripts); so do `file` and `SIGHUP`,
/// which ask for reloads. The error: nothing is left to be read, or there is a character that shows
/// nothing or moves others.
base::Result<std::string> operator_name(std::string_view name);

/// Whether nothing of it is seen: a reason of spaces is none. False for what is not UTF-8.
bool is_blank(std::string_view text);

}  // namespace canary::admin

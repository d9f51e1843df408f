// Changes one key in the text of a configuration and leaves every other byte, comments too, as it
// is. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace canary::config {

/// `path` leads through maps to a key, which is set to `value` (a plain word) or, where it is
/// missing, put before its map's first key. An error when the maps are not there.
base::Result<std::string> set_key(std::string_view text, const std::vector<std::string>& path,
                                  std::string_view value);

}  // namespace canary::config

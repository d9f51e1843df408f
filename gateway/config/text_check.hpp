// Is this text at all? Asked before the YAML parser sees a byte of it.
#pragma once

#include <string_view>

namespace canary::config {

/// The length of the longest front of `text` that is valid UTF-8 (RFC 3629) without NUL.
std::size_t valid_text_length(std::string_view text);

}  // namespace canary::config

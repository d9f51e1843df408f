// A short name for a long text. Pure.
#pragma once

#include <string>
#include <string_view>

namespace canary::admin {

/// The first 128 bits of the text's SHA-256, as 32 hexadecimal digits.
std::string digest(std::string_view text);

}  // namespace canary::admin

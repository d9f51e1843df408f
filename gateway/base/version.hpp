// Which build this is, as the build system says it.
#pragma once

#include <string_view>

namespace canary::base {

/// The release, such as `0.1.0`, and the commit it was built from.
std::string_view version();
std::string_view commit();

}  // namespace canary::base

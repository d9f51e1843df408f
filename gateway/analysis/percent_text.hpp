// How a ratio stands in a reading's reason: as per cent, three significant digits. Seen only inside
// analysis.
#pragma once

#include <string>

#include "base/units.hpp"

namespace canary::analysis {

inline std::string percent_text(double ratio) { return base::format_number(ratio * 100, 3) + "%"; }

}  // namespace canary::analysis

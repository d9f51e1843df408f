#include "base/version.hpp"

namespace canary::base {

std::string_view version() { return CANARY_VERSION; }
std::string_view commit() { return CANARY_COMMIT; }

}  // namespace canary::base

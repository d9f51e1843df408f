#include "support/source_dir.hpp"

namespace canary::support {

std::filesystem::path source_dir() { return CANARY_SOURCE_DIR; }

}  // namespace canary::support

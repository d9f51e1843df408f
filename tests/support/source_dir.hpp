// The root of the sources. One object file knows the path, so that all others are the same in every
// clone and ccache shares them.
#pragma once

#include <filesystem>

namespace canary::support {

std::filesystem::path source_dir();

}  // namespace canary::support

// The configuration file at the start, and where it says that the state is. Main thread, before
// anything else is there.
#pragma once

#include <filesystem>
#include <string>

#include "control/start_choice.hpp"

namespace canary::run {

/// The file as it is; waits for its file system for five seconds at most. Logs what is wrong in it.
control::StartFile read_start_file(const std::string& path);

/// The state directory that the file asks for, also when the file as a whole is broken: the last
/// accepted configuration is kept there.
std::filesystem::path state_dir_of(const control::StartFile& file);

}  // namespace canary::run

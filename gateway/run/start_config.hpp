// Which configuration a start runs on: the file's, or the last accepted one where the file cannot
// be read, is refused, or ends early. Main thread, before anything else is there; logs what it
// finds.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/load.hpp"
#include "store/state_dir.hpp"

namespace canary::run {

struct Started {
  config::Config config;
  std::string text;
  bool fallback = false;
  std::vector<std::string> warnings;
};

/// The file as it is at the start; waits for its file system for five seconds at most.
struct StartFile {
  std::string path;
  std::string unread;  // why it could not be read; empty when it was
  std::string text;
  config::Loaded loaded;
};
StartFile read_start_file(const std::string& path);

/// The state directory that the file asks for, also when the file as a whole is broken: the last
/// accepted configuration is kept there.
std::filesystem::path state_dir_of(const StartFile& file);

/// The last accepted configuration, loudly; nothing when there is none.
std::optional<Started> fall_back(const store::StateDir& state_dir, const std::string& path);

/// The file's configuration, or the last accepted one.
std::optional<Started> choose_config(const StartFile& file, const store::StateDir& state_dir);

}  // namespace canary::run

// Which configuration a start runs on: the file's, or the last accepted one where the file cannot
// be read, is refused, ends early, or asks for what the remembered rollouts forbid. Before anything
// is in force; logs what it finds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/load.hpp"
#include "store/state_dir.hpp"

namespace canary::control {

class Controller;

/// The file as it is at the start.
struct StartFile {
  std::string path;  // as messages call it
  std::string text;
  std::string unread{};  // why it could not be read; empty: it was
  config::Loaded loaded;
};

/// What a start runs on.
struct Started {
  config::Config config;
  std::string text;
  bool fallback = false;  // it is the last accepted text, because the present file is broken
  std::vector<std::string> warnings;
};

/// The file's configuration, or the last accepted one; nothing when there is neither.
std::optional<Started> choose_config(const StartFile& file, const store::StateDir& state_dir);

/// A sound file may still ask for what the remembered rollouts forbid (Controller::objections):
/// then the last accepted one is `started`. What stands against the file; false when nothing else
/// is left to run on.
struct Objections {
  std::vector<std::string> found;
  bool settled = true;
};
Objections settle_objections(Started& started, const Controller& controller,
                             const store::StateDir& state_dir, const std::string& path);

}  // namespace canary::control

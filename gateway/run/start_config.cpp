#include "run/start_config.hpp"

#include <chrono>
#include <sstream>

#include "config/cut.hpp"
#include "control/config_file.hpp"
#include "log/log.hpp"

namespace canary::run {
namespace {

constexpr auto patience = std::chrono::seconds(5);

void log_problems(std::string_view path, const std::vector<config::Problem>& problems,
                  log::Level level) {
  for (const auto& problem : problems)
    log::write(level, "config_problem", {{"problem", problem.to_string(path)}});
}

/// What a sound file lacks of the last accepted one because it ends early: a crash may have come in
/// the middle of a write. Empty where the file is to be started on.
std::string lack_by_cut(const config::Config& config, const std::string& text,
                        const store::StateDir& state_dir) {
  const auto accepted = state_dir.load_accepted();
  if (!accepted || !config::ends_early(text, *accepted)) return {};
  const config::Loaded last = config::load(*accepted);
  if (!last.ok()) return {};
  const auto lack = config::lack_of(text, *accepted);
  // A new value of what only a start can change is somebody's will.
  for (const auto& key : config::changed_fixed_keys(last.config, config))
    if (!lack.contains(key)) return {};
  return lack.what();
}

}  // namespace

StartFile read_start_file(const std::string& path) {
  StartFile file{path, {}, {}, {}};
  auto read = control::read_within(path, patience);
  if (read)
    file.text = std::move(read->text);
  else
    file.unread = read.error().message();
  file.loaded = config::load(file.text);
  if (read) {
    log_problems(path, file.loaded.errors, log::Level::error);
    log_problems(path, file.loaded.warnings, log::Level::warn);
  } else {
    log::error("config_unreadable", {{"message", file.unread}});
  }
  return file;
}

std::filesystem::path state_dir_of(const StartFile& file) {
  std::istringstream lines(file.text);
  constexpr std::string_view key = "state_dir:";
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const config::Loaded alone = config::load(line);
    return alone.config.state_dir;
  }
  return file.loaded.config.state_dir;
}

std::optional<Started> fall_back(const store::StateDir& state_dir, const std::string& path) {
  const auto accepted = state_dir.load_accepted();
  if (!accepted) return std::nullopt;
  const config::Loaded last = config::load(*accepted);
  if (!last.ok()) return std::nullopt;
  log::error("config_fallback",
             {{"path", path},
              {"message", "the file is refused: running on the last accepted configuration"}});
  return Started{last.config, *accepted, true, {}};
}

std::optional<Started> choose_config(const StartFile& file, const store::StateDir& state_dir) {
  if (!file.loaded.ok()) return fall_back(state_dir, file.path);
  const config::Config& config = file.loaded.config;
  if (const auto lack = lack_by_cut(config, file.text, state_dir); !lack.empty()) {
    log::warn("config_held", {{"path", file.path}, {"reason", "it ends early and lacks " + lack}});
    return fall_back(state_dir, file.path);
  }
  Started started{config, file.text, false, {}};
  for (const auto& warning : file.loaded.warnings)
    started.warnings.push_back(warning.to_string(file.path));
  return started;
}

}  // namespace canary::run

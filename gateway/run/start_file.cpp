#include "run/start_file.hpp"

#include <chrono>
#include <sstream>

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

}  // namespace

control::StartFile read_start_file(const std::string& path) {
  control::StartFile file{path, {}, {}, {}};
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

std::filesystem::path state_dir_of(const control::StartFile& file) {
  std::istringstream lines(file.text);
  constexpr std::string_view key = "state_dir:";
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const config::Loaded alone = config::load(line);
    return alone.config.state_dir;
  }
  return file.loaded.config.state_dir;
}

}  // namespace canary::run

#include "control/start_choice.hpp"

#include "config/cut.hpp"
#include "control/controller.hpp"
#include "log/log.hpp"

namespace canary::control {
namespace {

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

/// The last accepted configuration, loudly.
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

}  // namespace

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

Objections settle_objections(Started& started, const Controller& controller,
                             const store::StateDir& state_dir, const std::string& path) {
  Objections objections{controller.objections(started.config), true};
  for (const auto& objection : objections.found)
    log::error("config_problem", {{"problem", objection}});
  if (objections.found.empty()) return objections;
  auto last = started.fallback ? std::nullopt : fall_back(state_dir, path);
  objections.settled = last && config::changed_fixed_keys(started.config, last->config).empty() &&
                       controller.objections(last->config).empty();
  if (objections.settled) started = std::move(*last);
  return objections;
}

}  // namespace canary::control

#include "tools/check.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <iostream>

#include "base/json_text.hpp"
#include "base/printable.hpp"
#include "base/read_file.hpp"
#include "base/token_file.hpp"
#include "base/units.hpp"
#include "base/url_text.hpp"
#include "config/address.hpp"
#include "config/load.hpp"
#include "control/own_guard.hpp"
#include "tools/resolve.hpp"

namespace canary::tools {
namespace {

// Endpoint names that do not resolve are only warnings: a server that is down is no mistake.
void warn_of_names(config::Loaded& loaded, base::Duration timeout) {
  std::set<std::string> hosts;
  std::vector<std::pair<std::string, std::string>> uses;  // key, host
  const auto add = [&](const std::string& key, const config::Version& version) {
    for (std::size_t i = 0; i < version.endpoints.size(); ++i) {
      hosts.insert(version.endpoints[i].host);
      uses.emplace_back(key + ".endpoints[" + std::to_string(i) + "]", version.endpoints[i].host);
    }
  };
  for (const auto& model : loaded.config.models) {
    add("models." + model.name + ".stable", model.stable);
    if (model.canary) add("models." + model.name + ".canary", *model.canary);
  }
  for (const auto& [host, reason] : find_unresolved(hosts, timeout))
    for (const auto& [key, used] : uses)
      if (used == host)
        loaded.warnings.push_back({0, 0, key, host + " (" + reason + ")", "a name that resolves"});
}

/// The canary's weight from the start on: a plan begins with its first phase.
base::BasisPoints first_weight(const config::Model& model) {
  const base::BasisPoints file = model.canary->rollout_percentage;
  return model.plan ? std::min(file, model.plan->phases.front().percentage) : file;
}

/// How the weight goes on: `; the plan's phases: 10% for 7d, 50% for 7d`.
std::string plan_text(const config::Model& model) {
  if (!model.plan) return {};
  std::string out = "; phases of the plan:";
  for (const auto& phase : model.plan->phases)
    out += (&phase == &model.plan->phases.front() ? " " : ", ") +
           base::format_percent(phase.percentage) + "% for " + base::format_duration(phase.hold);
  const auto file = model.canary->rollout_percentage;
  if (file < base::full_weight)
    out += "; never more than rollout_percentage, " + base::format_percent(file) + "%";
  return out;
}

std::string model_line(const config::Model& model) {
  std::string line = "  " + model.name + ": stable " + model.stable.name;
  if (!model.canary) return line + " 100%";
  const base::BasisPoints weight = first_weight(model);
  const auto rest = static_cast<base::BasisPoints>(base::full_weight - weight);
  return line + " " + base::format_percent(rest) + "%, canary " + model.canary->name + " " +
         base::format_percent(weight) + "%" + plan_text(model);
}

void write_text(const std::string& path, const config::Loaded& loaded, std::ostream& out) {
  const auto print = [&out](const std::string& text) { out << base::printable(text) << "\n"; };
  for (const auto& problem : loaded.errors) print(problem.to_string(path));
  for (const auto& problem : loaded.warnings) print("warning: " + problem.to_string(path));
  if (!loaded.ok()) {
    const std::size_t count = loaded.errors.size();
    return print(path + ": " + std::to_string(count) + (count == 1 ? " error" : " errors"));
  }
  print(path +
        ": good. A new rollout starts with these weights; a flag or a rollback can set lower "
        "ones, and a rollout that is under way goes on from its present phase:");
  for (const auto& model : loaded.config.models) print(model_line(model));
  for (const auto& note : loaded.notes) print("note: " + note.key + ": " + note.text);
}

/// The token file as this user sees it. Who starts the gateway may be another user: what depends on
/// the user is only a warning.
void look_at_token(config::Loaded& loaded) {
  const auto& file = loaded.config.admin.token_file;
  if (file.empty()) return;
  struct stat status {};
  const std::string user = "user " + std::to_string(::geteuid());
  const auto warn = [&](const std::string& found, const std::string& expected) {
    loaded.warnings.push_back({0, 0, "admin.token_file", found, expected});
  };
  if (::stat(file.c_str(), &status) != 0)
    return warn("a file that " + user + " cannot look at: " + std::strerror(errno),
                "a file that the gateway's user can read");
  const auto readers = base::readers_of_secret(status);
  if (!readers) {
    loaded.errors.push_back(
        {0, 0, "admin.token_file", readers.error().message(), "a private file"});
    return;
  }
  const std::string mode = std::to_string(status.st_gid);
  if (*readers == base::FileReaders::foreign_group)
    return warn("a file that group " + mode + " can read; " + user + " is not in that group",
                "a gateway that runs in group " + mode + ", which is accepted, or mode 0600");
  if (::access(file.c_str(), R_OK) != 0)
    return warn("a file of user " + std::to_string(status.st_uid) + " that " + user +
                    " cannot read, so that its content is not checked",
                "a file that the gateway's user can read");
  if (const auto token = base::load_token(file); !token)
    loaded.errors.push_back({0, 0, "admin.token_file", token.error().message(), "a usable token"});
}

/// Endpoints and receivers that are the gateway's own listeners by an address of this host. The
/// environment of the gateway may be another one than ours: what it says is only a warning.
void look_for_own_listeners(config::Loaded& loaded) {
  control::OwnGuard guard;
  std::vector<config::ListenAddress> own = loaded.config.data.listen;
  own.push_back(loaded.config.admin.listen);
  if (loaded.config.observe) own.push_back(loaded.config.observe->listen);
  guard.forbid(own);
  for (const auto& [key, url] : guard.among(loaded.config))
    loaded.errors.push_back(
        {0, 0, key, url + ", one of this gateway's own listeners",
         key.starts_with("notify") ? "the URL of a receiver" : "the address of a model's server"});
  for (std::size_t i = 0; i < loaded.config.notify.size(); ++i) {
    const std::string& variable = loaded.config.notify[i].url_env;
    const char* value = variable.empty() ? nullptr : std::getenv(variable.c_str());
    const auto url = config::web_url_endpoint(value ? value : "");
    if (url && guard.is_own(*url))
      loaded.warnings.push_back({0, 0, "notify[" + std::to_string(i) + "].url_env",
                                 "a variable that holds a URL of this gateway's own listeners",
                                 "the URL of a receiver"});
  }
}

std::string problems_json(const std::vector<config::Problem>& problems) {
  std::string out = "[";
  for (const auto& problem : problems) {
    if (out.size() > 1) out += ",";
    out += "{\"line\":" + std::to_string(problem.line) +
           ",\"column\":" + std::to_string(problem.column) +
           ",\"key\":" + base::json_string(problem.key) +
           ",\"found\":" + base::json_string(problem.found) +
           ",\"expected\":" + base::json_string(problem.expected) + "}";
  }
  return out + "]";
}

std::string notes_json(const std::vector<config::Note>& notes) {
  std::string out = "[";
  for (const auto& note : notes) {
    if (out.size() > 1) out += ",";
    out += "{\"key\":" + base::json_string(note.key) + ",\"note\":" + base::json_string(note.text) +
           "}";
  }
  return out + "]";
}

std::string models_json(const config::Loaded& loaded) {
  std::string out = "[";
  if (!loaded.ok()) return "[]";
  for (const auto& model : loaded.config.models) {
    if (out.size() > 1) out += ",";
    out += "{\"name\":" + base::json_string(model.name) +
           ",\"stable\":" + base::json_string(model.stable.name);
    if (model.canary)
      out += ",\"canary\":" + base::json_string(model.canary->name) +
             ",\"rollout_percentage\":" + base::format_percent(model.canary->rollout_percentage) +
             ",\"starts_at\":" + base::format_percent(first_weight(model));
    out += "}";
  }
  return out + "]";
}

void write_json(const std::string& path, const config::Loaded& loaded, std::ostream& out) {
  out << "{\"file\":" << base::json_string(path) << ",\"ok\":" << (loaded.ok() ? "true" : "false")
      << ",\"errors\":" << problems_json(loaded.errors)
      << ",\"warnings\":" << problems_json(loaded.warnings)
      << ",\"notes\":" << notes_json(loaded.notes) << ",\"models\":" << models_json(loaded)
      << "}\n";
}

}  // namespace

int run_check(const std::string& path, const CheckOptions& options, std::ostream& out) {
  config::Loaded loaded;
  const auto file = base::read_file(path, base::max_config_bytes, base::Accept::streams);
  if (file) {
    loaded = config::load(file->text);
    if (loaded.ok()) look_for_own_listeners(loaded);
    if (loaded.ok()) {
      look_at_token(loaded);
      warn_of_names(loaded, options.resolve_timeout);
    }
  } else {
    loaded.errors.push_back({0, 0, "", file.error().message(), "a file that can be read"});
  }
  const std::string shown = base::without_url_secrets(path);
  if (options.json)
    write_json(shown, loaded, out);
  else
    write_text(shown, loaded, out);
  return loaded.ok() ? check_good : check_invalid;
}

int run_check(const std::string& path, bool json) {
  const int status = run_check(path, CheckOptions{.json = json}, std::cout);
  std::cout.flush();
  return status;
}

}  // namespace canary::tools

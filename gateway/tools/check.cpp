#include "tools/check.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "base/json_text.hpp"
#include "base/units.hpp"
#include "config/load.hpp"
#include "tools/resolve.hpp"

namespace canary::tools {
namespace {

constexpr std::size_t max_bytes = 1 << 20;  // one more is read, so that load() can tell

base::Result<std::string> read_text(const std::string& path) {
  const auto failed = [] { return base::Error(std::strerror(errno)); };
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return failed();
  std::string text(max_bytes + 1, '\0');
  std::size_t length = 0;
  ssize_t count = 0;
  while (length < text.size() && (count = read(fd, text.data() + length, text.size() - length)) > 0)
    length += static_cast<std::size_t>(count);
  const base::Error error = failed();
  close(fd);
  if (count < 0) return error;
  text.resize(length);
  // Spelled out, because an Error can be made from a string as well.
  return base::Result<std::string>(boost::system::in_place_value, std::move(text));
}

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

std::string model_line(const config::Model& model) {
  std::string line = "  " + model.name + ": stable " + model.stable.name;
  if (!model.canary) return line + " 100%";
  const base::BasisPoints weight = model.canary->rollout_percentage;
  const auto rest = static_cast<base::BasisPoints>(base::full_weight - weight);
  return line + " " + base::format_percent(rest) + "%, canary " + model.canary->name + " " +
         base::format_percent(weight) + "%";
}

void write_text(const std::string& path, const config::Loaded& loaded, std::ostream& out) {
  for (const auto& problem : loaded.errors) out << problem.to_string(path) << "\n";
  for (const auto& problem : loaded.warnings) out << "warning: " << problem.to_string(path) << "\n";
  if (!loaded.ok()) {
    const std::size_t count = loaded.errors.size();
    out << path << ": " << count << (count == 1 ? " error\n" : " errors\n");
    return;
  }
  out << path << ": good. It would run, unless a flag or a rollback says less:\n";
  for (const auto& model : loaded.config.models) out << model_line(model) << "\n";
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

std::string models_json(const config::Loaded& loaded) {
  std::string out = "[";
  if (!loaded.ok()) return "[]";
  for (const auto& model : loaded.config.models) {
    if (out.size() > 1) out += ",";
    out += "{\"name\":" + base::json_string(model.name) +
           ",\"stable\":" + base::json_string(model.stable.name);
    if (model.canary)
      out += ",\"canary\":" + base::json_string(model.canary->name) +
             ",\"rollout_percentage\":" + base::format_percent(model.canary->rollout_percentage);
    out += "}";
  }
  return out + "]";
}

void write_json(const std::string& path, const config::Loaded& loaded, std::ostream& out) {
  out << "{\"file\":" << base::json_string(path) << ",\"ok\":" << (loaded.ok() ? "true" : "false")
      << ",\"errors\":" << problems_json(loaded.errors)
      << ",\"warnings\":" << problems_json(loaded.warnings) << ",\"models\":" << models_json(loaded)
      << "}\n";
}

}  // namespace

int run_check(const std::string& path, const CheckOptions& options, std::ostream& out) {
  config::Loaded loaded;
  const auto text = read_text(path);
  if (text) {
    loaded = config::load(*text);
    if (loaded.ok()) warn_of_names(loaded, options.resolve_timeout);
  } else {
    loaded.errors.push_back({0, 0, "", text.error().message(), "a file that can be read"});
  }
  if (options.json)
    write_json(path, loaded, out);
  else
    write_text(path, loaded, out);
  return loaded.ok() ? check_good : check_invalid;
}

int run_check(const std::string& path, bool json) {
  const int status = run_check(path, CheckOptions{.json = json}, std::cout);
  std::cout.flush();
  return status;
}

}  // namespace canary::tools

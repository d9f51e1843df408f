#include "config/load.hpp"

#include <exception>

#include "config/document.hpp"
#include "config/notes.hpp"
#include "config/parse.hpp"

namespace canary::config {

std::string Problem::to_string(std::string_view file) const {
  std::string out(file);
  if (line > 0) out += ":" + std::to_string(line) + ":" + std::to_string(column);
  if (!key.empty()) out += ": " + key;
  return out + ": found " + found + ", expected " + expected;
}

std::vector<Problem> read_text(std::string_view text, Report& report,
                               const std::function<void(Section&)>& read) {
  Document document = read_document(text);
  if (!document.problems.empty()) return std::move(document.problems);
  const Value empty{Value::Kind::map, false, {1, 1}, 1, {}, {}, {}};
  const bool nothing = document.root.kind == Value::Kind::nothing;
  Field(nothing ? &empty : &document.root, {1, 1}, "", report).section(read);
  return {};
}

Loaded load(std::string_view text) {
  Loaded out;
  try {
    Report report;
    out.errors = read_text(text, report, [&](Section& root) { read_root(root, out.config); });
    if (!out.errors.empty()) return out;
    validate(out.config, report);
    out.errors = report.take_errors();
    out.warnings = report.take_warnings();
    if (out.ok()) out.notes = notes(out.config, report);
  } catch (const std::exception& e) {  // out of memory: a bad file must not stop the gateway
    out.errors.push_back({0, 0, "", e.what(), "a file that can be read"});
  }
  return out;
}

std::vector<KnownKey> known_keys() {
  Report report(true);
  Config config;
  Field(nullptr, {}, "", report).section([&](Section& section) { read_root(section, config); });
  std::vector<KnownKey> out;
  for (const auto& [path, supported] : report.known_keys()) out.push_back({path, supported});
  return out;
}

std::vector<std::string> changed_fixed_keys(const Config& current, const Config& next) {
  const auto log_path = [](const Config& config) {
    return config.access_log ? config.access_log->path : std::filesystem::path();
  };
  const auto observed = [](const Config& config) {
    return config.observe ? config.observe->listen.to_string() : std::string();
  };
  std::vector<std::string> out;
  const auto check = [&](const char* key, bool same) {
    if (!same) out.emplace_back(key);
  };
  check("data.listen", current.data.listen == next.data.listen);
  check("data.workers", current.data.workers == next.data.workers);
  check("state_dir", current.state_dir == next.state_dir);
  check("admin.listen", current.admin.listen == next.admin.listen);
  check("admin.url", current.admin.url == next.admin.url);
  check("admin.token_file", current.admin.token_file == next.admin.token_file);
  check("admin.allowed_hosts", current.admin.allowed_hosts == next.admin.allowed_hosts);
  check("observe.listen", observed(current) == observed(next));
  check("access_log.path", log_path(current) == log_path(next));
  return out;
}

}  // namespace canary::config

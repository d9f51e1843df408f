// Configuration texts for the tests of this room, and what loading them says.
#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "config/load.hpp"
#include "support/source_dir.hpp"

namespace canary::config_test {

/// A file of the source tree.
inline std::string source_file(const std::string& name) {
  std::ifstream in(support::source_dir() / name);
  if (!in) throw std::runtime_error("cannot read " + name);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// A good file of six lines with one model `m`; the first line after it is line 7.
inline const std::string good =
    "models:\n"
    "  m:\n"
    "    match: [{ path_prefix: /m }]\n"
    "    stable:\n"
    "      version: v1\n"
    "      endpoints: [\"http://127.0.0.1:1\"]\n";

/// Every problem on a line of its own.
inline std::string said(const std::vector<config::Problem>& problems) {
  std::string out;
  for (const auto& problem : problems) out += problem.to_string("f") + "\n";
  return out;
}
inline std::string errors_of(const std::string& text) { return said(config::load(text).errors); }

/// The good file with more lines under its model, from line 7 on.
inline std::string under_model(const std::string& lines) { return good + "    " + lines + "\n"; }

/// "line:column key: found -> expected", without "models.m." in front.
inline std::string short_errors(const std::string& text) {
  std::string out;
  for (const auto& p : config::load(text).errors) {
    const std::string key = p.key.starts_with("models.m.") ? p.key.substr(9) : p.key;
    if (!out.empty()) out += " | ";
    out += std::to_string(p.line) + ":" + std::to_string(p.column) + " " + key + ": " + p.found +
           " -> " + p.expected;
  }
  return out;
}

}  // namespace canary::config_test

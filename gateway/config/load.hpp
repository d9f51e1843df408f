// From text to Config: parse -> validate, all problems at once. yaml-cpp is seen only behind this
// header. Pure: reads no file, resolves no name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace canary::config {

/// One problem in the file. `line` and `column` count from 1; 0 when the place is not known.
struct Problem {
  int line = 0;
  int column = 0;
  std::string key;       // the key's path: models.comp-critic.canary.rollout_percentage
  std::string found;     // what stands there, shortened
  std::string expected;  // what would be accepted, or what to do
  /// `gateway.yaml:12:7: models.m.canary.rollout_percentage: found 120, expected 0..100`
  std::string to_string(std::string_view file) const;
};

/// What a key's value means at traffic that it may not have been chosen for (config/notes.hpp).
struct Note {
  std::string key;
  std::string text;
};

struct Loaded {
  Config config;                // meaningful only when there are no errors
  std::vector<Problem> errors;  // in the order of the file
  std::vector<Problem> warnings;
  std::vector<Note> notes;  // only when there are no errors
  bool ok() const { return errors.empty(); }
};

/// Parses and validates the text of one configuration file (at most 1 MiB).
Loaded load(std::string_view text);

/// Every key of the file, by path: `models.*.match[].path_prefix`. `supported` is false for a key
/// that is refused whatever its value. The JSON Schema and the documentation are held to this.
struct KnownKey {
  std::string path;
  bool supported = true;
};
std::vector<KnownKey> known_keys();

/// The keys that a reload may not change (`data.listen`, `data.workers`, `state_dir`, ...) and that
/// differ; empty when `next` may replace `current`.
std::vector<std::string> changed_fixed_keys(const Config& current, const Config& next);

}  // namespace canary::config

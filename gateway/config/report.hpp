// What reading a file has found so far: its problems, where each key stands, and which keys exist.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"
#include "config/load.hpp"

namespace canary::config {

inline constexpr std::size_t max_problems = 1000;

/// Reading with `describing` set visits every section without a document: that is how the set of
/// keys is known without being written down twice.
class Report {
 public:
  explicit Report(bool describing = false) : describing_(describing) {}

  bool describing() const { return describing_; }

  void error(Place place, std::string key, std::string found, std::string expected);
  /// A problem of the key at `path`, or of the nearest section around it that is in the file.
  void error_at(const std::string& path, std::string found, std::string expected);
  void warning_at(const std::string& path, std::string found, std::string expected);

  /// A key that stands in the file.
  void seen(const std::string& path, Place place) { places_[path] = place; }
  bool was_seen(const std::string& path) const { return places_.contains(path); }
  /// Whether nothing is wrong with any of these keys: rules about several keys ask this first, so
  /// that one mistake is reported once.
  bool sound(std::initializer_list<std::string_view> paths) const;

  /// A key that may stand in the file; `supported`: with some value.
  void known(const std::string& path, bool supported) { known_[path] = supported; }
  const std::map<std::string, bool>& known_keys() const { return known_; }

  /// In the file's order, each once; at most max_problems.
  std::vector<Problem> take_errors();
  std::vector<Problem> take_warnings();

 private:
  Place nearest(std::string path) const;

  bool describing_;
  std::vector<Problem> errors_;
  std::vector<Problem> warnings_;
  std::map<std::string, Place> places_;
  std::map<std::string, bool> known_;
};

}  // namespace canary::config

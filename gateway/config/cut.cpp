#include "config/cut.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "config/document.hpp"
#include "config/load.hpp"

namespace canary::config {
namespace {

constexpr std::string_view blank = " \t\r";
constexpr std::string_view the_end_of = "the end of ";

/// The lines that say something, without what is blank at their ends.
std::vector<std::string_view> content(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const auto first = line.find_first_not_of(blank);
    if (first == std::string_view::npos || line[first] == '#') continue;
    line.remove_suffix(line.size() - 1 - line.find_last_not_of(blank));
    lines.push_back(line);
  }
  return lines;
}

/// How many lines before these two are the same.
using Reversed = std::vector<std::string_view>::const_reverse_iterator;
std::ptrdiff_t same_before(Reversed line, Reversed end, Reversed other, Reversed other_end) {
  constexpr std::ptrdiff_t enough = 1000;  // bounds the time of a text that repeats itself
  const auto last = line + std::min(end - line, enough);
  return std::mismatch(line, last, other, other_end).first - line;
}

/// `likely`: where it stands if nothing is missing before it.
const Value* find(const Value& map, std::size_t likely, const std::string& key) {
  if (likely < map.entries.size() && map.entries[likely].key == key)
    return &map.entries[likely].value;
  for (const auto& entry : map.entries)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

// The keys of a model that mean nothing without its canary.
constexpr std::array<std::string_view, 11> with_canary = {
    "canary", "attempt", "sticky",  "override", "slo",     "plan",
    "judge",  "success", "warm_up", "rollback", "triggers"};

/// Walks through two trees. Any value counts: a list of the keys that matter would be incomplete.
class Comparison {
 public:
  explicit Comparison(bool beginning) : beginning_(beginning) {}

  void compare(const Value& before, const Value& now, const std::string& path,
               bool is_model = false) {
    if (before.kind == Value::Kind::nothing && now.kind == Value::Kind::nothing) return;
    if (now.kind == Value::Kind::nothing) return missing(path);
    if (before.kind != now.kind) return differs(path, beginning_);
    if (before.kind == Value::Kind::scalar) return compare_scalars(before.text, now.text, path);
    if (before.kind == Value::Kind::list) return compare_lists(before, now, path);
    compare_maps(before, now, path, is_model);
  }

  Lack lack;

 private:
  void compare_scalars(const std::string& before, std::string_view now, const std::string& path) {
    if (before == now) return;
    while (now.ends_with('\n')) now.remove_suffix(1);  // a cut block ends so
    differs(path, beginning_ || before.starts_with(now));
  }

  void compare_lists(const Value& before, const Value& now, const std::string& path) {
    const std::size_t both = std::min(before.items.size(), now.items.size());
    for (std::size_t i = 0; i < both; ++i)
      compare(before.items[i], now.items[i], path + "[" + std::to_string(i) + "]");
    if (both < before.items.size()) missing(path + "[" + std::to_string(both) + "]");
    if (both < now.items.size()) lack.only_canaries = false;
  }

  void compare_maps(const Value& before, const Value& now, const std::string& path, bool is_model) {
    const bool canary_leaves =
        is_model && find(before, 0, "canary") != nullptr && find(now, 0, "canary") == nullptr;
    std::size_t found = 0;
    for (const auto& [key, place, value] : before.entries) {
      const std::string key_path = path.empty() ? key : path + "." + key;
      if (const Value* match = find(now, found, key)) {
        ++found;
        compare(value, *match, key_path, path == "models");
      } else if (value.kind != Value::Kind::nothing) {
        const bool leaves_too =
            std::find(with_canary.begin(), with_canary.end(), key) != with_canary.end();
        missing(key_path, canary_leaves && leaves_too);
      }
    }
    if (found < now.entries.size()) lack.only_canaries = false;
  }

  void missing(const std::string& path, bool lowers = false) {
    lack.keys.push_back(path);
    if (!lowers) lack.only_canaries = false;
  }
  void differs(const std::string& path, bool is_cut) {
    lack.only_canaries = false;
    if (is_cut) lack.keys.push_back(std::string(the_end_of) + path);
  }

  const bool beginning_;  // the text is the beginning of the other: whatever differs is cut
};

}  // namespace

bool ends_early(std::string_view text, std::string_view in_force) {
  const auto lines = content(text), before = content(in_force);
  if (before.empty()) return false;
  if (lines.empty()) return true;
  const bool complete = text.ends_with('\n');
  const std::string_view last = lines.back();
  const auto is_last = [&](std::string_view line) {
    return complete ? line == last : line.starts_with(last);
  };
  // Lines repeat themselves (`hold: 7d`): the place counts before which most is the same, and of
  // equal ones the last.
  auto same = before.rend();
  std::ptrdiff_t most = -1;
  for (auto line = before.rbegin(); line != before.rend(); ++line) {
    if (!is_last(*line)) continue;
    const auto length = same_before(lines.rbegin() + 1, lines.rend(), line + 1, before.rend());
    if (length <= most) continue;
    most = length;
    same = line;
  }
  if (same == before.rend()) return !complete && in_force.ends_with('\n');
  return same != before.rbegin() || last.size() < same->size();
}

bool Lack::contains(std::string_view key) const {
  return std::any_of(keys.begin(), keys.end(), [key](std::string_view missing) {
    if (missing.starts_with(the_end_of)) missing.remove_prefix(the_end_of.size());
    const std::string_view shorter = missing.substr(0, key.size());
    if (!key.starts_with(shorter)) return false;
    if (missing.size() > key.size()) return missing[key.size()] == '[';
    return missing.size() == key.size() || key[missing.size()] == '.';
  });
}

std::string Lack::what() const {
  constexpr std::size_t most_told = 5;
  std::string text;
  for (std::size_t i = 0; i < keys.size() && i < most_told; ++i)
    text += (i == 0 ? "" : ", ") + keys[i];
  if (keys.size() > most_told) text += " and " + std::to_string(keys.size() - most_told) + " more";
  return text;
}

Lack lack_of(std::string_view text, std::string_view in_force) {
  Comparison comparison(in_force.starts_with(text));
  comparison.compare(read_document(in_force).root, read_document(text).root, "");
  return std::move(comparison.lack);
}

}  // namespace canary::config

#include "config/section.hpp"

#include <algorithm>
#include <unordered_map>

namespace canary::config {
namespace {

// How many single-character edits lie between two words (Levenshtein, 1965), by rows.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replace, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

constexpr std::size_t longest_guess = 64;  // a longer key was not meant to be one of ours

}  // namespace

std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  if (word.size() > longest_guess) return best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance >= best_distance || distance >= std::max(word.size(), candidate.size())) continue;
    best = candidate;
    best_distance = distance;
  }
  if (!best.empty() || word.size() < 4) return best;
  for (const auto& candidate : candidates)  // `percentage` for `rollout_percentage`
    if (candidate.find(word) != std::string::npos) return candidate;
  return best;
}

std::vector<const Value::Entry*> first_entries(const Value& map, const std::string& path,
                                               Report& report) {
  std::vector<const Value::Entry*> firsts;
  std::unordered_map<std::string_view, Place> seen;
  for (const auto& entry : map.entries) {
    const auto [first, is_new] = seen.try_emplace(entry.key, entry.place);
    if (is_new) {
      firsts.push_back(&entry);
      continue;
    }
    report.error(entry.place, (path.empty() ? "" : path + ".") + shortened(entry.key),
                 "the key a second time",
                 "each key once; the first is on line " + std::to_string(first->second.line));
  }
  return firsts;
}

std::string Section::path_to(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

Field Section::operator[](std::string_view key) {
  const std::string path = path_to(key);
  if (report_->describing()) report_->known(path, true);
  asked_.emplace_back(key);
  if (map_)
    for (const auto& entry : map_->entries) {
      if (entry.key != key) continue;
      const bool has_text = entry.value.kind == Value::Kind::scalar;
      report_->seen(path, has_text ? entry.value.place : entry.place);
      return Field(&entry.value, entry.place, path, *report_);
    }
  return Field(nullptr, key_, path, *report_);
}

Field Section::required(std::string_view key, std::string_view what) {
  const Field field = (*this)[key];
  if (!field.present() && !report_->describing())
    report_->error(key_, field.path(), "nothing", std::string(what));
  return field;
}

std::size_t Section::count_present() const {
  if (!map_) return 0;
  return static_cast<std::size_t>(
      std::count_if(asked_.begin(), asked_.end(), [&](const std::string& key) {
        return std::any_of(map_->entries.begin(), map_->entries.end(),
                           [&](const Value::Entry& entry) { return entry.key == key; });
      }));
}

std::string Section::known_list() const {
  std::string out;
  for (const auto& key : asked_) (out += out.empty() ? "" : ", ") += key;
  return out;
}

void Section::exactly_one() const {
  if (report_->describing() || count_present() == 1) return;
  report_->error(key_, path_, count_present() == 0 ? "none of them" : "several of them",
                 "exactly one of " + known_list());
}

void Section::at_least_one() const {
  if (report_->describing() || count_present() > 0) return;
  report_->error(key_, path_, "none of them", "at least one of " + known_list());
}

void Section::finish() const {
  if (!map_) return;
  for (const Value::Entry* entry : first_entries(*map_, path_, *report_)) {
    if (std::find(asked_.begin(), asked_.end(), entry->key) != asked_.end()) continue;
    const std::string guess = nearest_word(entry->key, asked_);
    report_->error(entry->place, path_to(shortened(entry->key)), "an unknown key",
                   "a known key; " +
                       (guess.empty() ? "here: " + known_list() : "did you mean " + guess + "?"));
  }
}

}  // namespace canary::config

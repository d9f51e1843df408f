#include "config/section.hpp"

#include <algorithm>
#include <unordered_map>

#include "base/nearest_word.hpp"
#include "config/words.hpp"

namespace canary::config {

bool holds_secrets(std::string_view path) {
  return path.starts_with("notify") || path.starts_with("admin.token");
}

std::string shown_name(const std::string& name) {
  return is_name(name) ? name : std::string(hidden_key);
}

std::vector<const Value::Entry*> first_entries(
    const Value& map, const std::string& path,
    const std::function<std::string(const std::string& key)>& show, Report& report) {
  std::vector<const Value::Entry*> firsts;
  std::unordered_map<std::string_view, Place> seen;
  for (const auto& entry : map.entries) {
    const auto [first, is_new] = seen.try_emplace(entry.key, entry.place);
    if (is_new) {
      firsts.push_back(&entry);
      continue;
    }
    report.error(entry.place, (path.empty() ? "" : path + ".") + show(entry.key),
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

// A key of ours, or one that is spelled as ours are; nothing else is repeated.
std::string Section::shown_key(const std::string& key) const {
  if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) return key;
  const bool like_ours = key.size() <= 40 && std::all_of(key.begin(), key.end(), [](char c) {
                           return (c >= 'a' && c <= 'z') || c == '_';
                         });
  return like_ours && !holds_secrets(path_) ? key : std::string(hidden_key);
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
  const auto show = [this](const std::string& key) { return shown_key(key); };
  for (const Value::Entry* entry : first_entries(*map_, path_, show, *report_)) {
    if (std::find(asked_.begin(), asked_.end(), entry->key) != asked_.end()) continue;
    const std::string guess = base::nearest_word(entry->key, asked_);
    report_->error(entry->place, path_to(shown_key(entry->key)), "an unknown key",
                   "a known key; " +
                       (guess.empty() ? "here: " + known_list() : "did you mean " + guess + "?"));
  }
}

}  // namespace canary::config

#include "config/report.hpp"

#include <algorithm>
#include <tuple>

namespace canary::config {
namespace {

auto order(const Problem& p) { return std::tie(p.line, p.column, p.key, p.found, p.expected); }

std::vector<Problem> in_order(std::vector<Problem> problems) {
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  // An alias repeats the mistakes of the value that it names.
  problems.erase(
      std::unique(problems.begin(), problems.end(),
                  [](const Problem& a, const Problem& b) { return order(a) == order(b); }),
      problems.end());
  return problems;
}

// models.a.slo is within models.a, and models.ab is not
bool within(std::string_view key, std::string_view path) {
  if (!key.starts_with(path)) return false;
  return key.size() == path.size() || key[path.size()] == '.' || key[path.size()] == '[';
}

}  // namespace

void Report::error(Place place, std::string key, std::string found, std::string expected) {
  if (errors_.size() == max_problems) return;
  errors_.push_back(
      {place.line, place.column, std::move(key), std::move(found), std::move(expected)});
}

void Report::error_at(const std::string& path, std::string found, std::string expected) {
  error(nearest(path), path, std::move(found), std::move(expected));
}

void Report::warning_at(const std::string& path, std::string found, std::string expected) {
  if (warnings_.size() == max_problems) return;
  const Place place = nearest(path);
  warnings_.push_back({place.line, place.column, path, std::move(found), std::move(expected)});
}

bool Report::sound(std::initializer_list<std::string_view> paths) const {
  return std::none_of(errors_.begin(), errors_.end(), [&](const Problem& problem) {
    return std::any_of(paths.begin(), paths.end(),
                       [&](std::string_view path) { return within(problem.key, path); });
  });
}

Place Report::nearest(std::string path) const {
  while (!path.empty()) {
    if (const auto found = places_.find(path); found != places_.end()) return found->second;
    const std::size_t cut = path.find_last_of(".[");
    path.resize(cut == std::string::npos ? 0 : cut);
  }
  return {1, 1};
}

std::vector<Problem> Report::take_errors() { return in_order(std::move(errors_)); }
std::vector<Problem> Report::take_warnings() { return in_order(std::move(warnings_)); }

}  // namespace canary::config

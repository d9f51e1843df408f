#include "config/cut.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

namespace canary::config {
namespace {

constexpr std::string_view blank = " \t\r";

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

const Model* find(const Config& config, const std::string& name) {
  for (const Model& model : config.models)
    if (model.name == name) return &model;
  return nullptr;
}

}  // namespace

bool ends_early(std::string_view text, std::string_view in_force) {
  const auto lines = content(text), before = content(in_force);
  if (before.empty()) return false;
  if (lines.empty()) return true;
  const bool complete = text.ends_with('\n');
  const std::string_view last = lines.back();
  // From the end, so that of equal lines the last one counts.
  const auto same = std::find_if(before.rbegin(), before.rend(), [&](std::string_view line) {
    return complete ? line == last : line.starts_with(last);
  });
  if (same == before.rend()) return !complete && in_force.ends_with('\n');
  return same != before.rbegin() || last.size() < same->size();
}

Lack lack_of(const Config& in_force, const Config& next) {
  Lack lack;
  const auto add = [&lack](const std::string& what, bool canary = false) {
    lack.what += (lack.what.empty() ? "" : ", ") + what;
    if (!canary) lack.only_canaries = false;
  };
  for (const Model& model : in_force.models) {
    const Model* now = find(next, model.name);
    if (now == nullptr) {
      add("model " + model.name);
      continue;
    }
    if (!model.canary) continue;
    if (!now->canary) {
      add("the canary of " + model.name, true);
      continue;
    }
    if (model.plan && !now->plan) add("the plan of " + model.name);
    if (model.slo && !now->slo) add("the slo of " + model.name);
  }
  if (next.notify.size() < in_force.notify.size()) add("receivers of notify");
  return lack;
}

}  // namespace canary::config

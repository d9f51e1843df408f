// Loading a scenario, and its top level.
#include "config/scenario.hpp"

#include <algorithm>
#include <exception>

#include "base/nearest_word.hpp"
#include "config/parse.hpp"
#include "config/scenario_parse.hpp"
#include "config/words.hpp"

namespace canary::config {
namespace {

void read_root(Section& root, Scenario& out) {
  root["title"].text(out.title, is_free_text, free_text_rule);
  const Field duration = root["duration"], seed = root["seed"];
  read_optional(duration, out.duration, [&](Duration& value) {
    duration.duration(value, {1min, longest});
  });
  read_optional(seed, out.seed, [&](std::uint64_t& value) {
    seed.number(value, {0, 1'000'000'000'000});
  });
  const Field models = root["models"];
  models.entries([&](const std::string& name, const Field& field) {
    ModelScript& model = out.models.emplace_back();
    model.name = name;
    field.section([&](Section& section) { read_conditions(section, model.begin, false); });
  });
  if (models.is_map() && out.models.empty()) models.problem("at least one model");
  // A scenario of one model needs no `models`.
  ModelScript only;
  root["model"].text(only.name, is_name, name_rule);
  read_conditions(root, only.begin, false);
  const bool says = says_anything(only.begin);
  if (models.present() && says)
    models.problem("either `models`, or `requests_per_second`, `stable` and `canary` beside it");
  if (!models.present()) out.models.push_back(std::move(only));

  root["events"].list([&](const Field& element) {
    Event& event = out.events.emplace_back();
    event.place = element.place();
    element.section([&](Section& section) { read_event(section, event); });
    if (event.model.empty()) event.model = only.name;
  });
  root["expect"].list([&](const Field& element) {
    Expectation& expectation = out.expectations.emplace_back();
    expectation.place = element.place();
    element.section([&](Section& section) { read_expectation(section, expectation); });
    if (expectation.model.empty()) expectation.model = only.name;
  });
}

}  // namespace

bool is_free_text(std::string_view text) {
  if (text.empty() || text.size() > 1000) return false;
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

void read_word(const Field& field, std::string& out, const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words) (all += all.empty() ? "" : ", ") += word;
  const std::string* found = field.scalar("one of " + all);
  if (!found) return;
  if (std::find(words.begin(), words.end(), *found) != words.end()) {
    out = *found;
    return;
  }
  const std::string guess = base::nearest_word(*found, words);
  field.problem(guess.empty() ? "one of " + all : "a known word; did you mean " + guess + "?");
}

LoadedScenario load_scenario(std::string_view text, const Config& config) {
  LoadedScenario out;
  try {
    Report report;
    out.errors = read_text(text, report, [&](Section& root) { read_root(root, out.scenario); });
    if (!out.errors.empty()) return out;
    check_scenario(out.scenario, config, report);
    out.errors = report.take_errors();
  } catch (const std::exception& e) {  // out of memory
    out.errors.push_back({0, 0, "", e.what(), "a file that can be read"});
  }
  return out;
}

std::vector<KnownKey> known_scenario_keys() {
  Report report(true);
  Scenario scenario;
  Field(nullptr, {}, "", report).section([&](Section& section) { read_root(section, scenario); });
  std::vector<KnownKey> out;
  for (const auto& [path, supported] : report.known_keys()) out.push_back({path, supported});
  return out;
}

}  // namespace canary::config

// One function per section of a scenario, as parse.hpp's are for the configuration.
#pragma once

#include "config/scenario.hpp"
#include "config/section.hpp"

namespace canary::config {

/// `requests_per_second`, `stable`, `canary`; with `both`, as events may say it.
void read_conditions(Section& section, Conditions& out, bool with_both);
/// Whether the section said anything of them.
bool says_anything(const Conditions& conditions);
void read_event(Section& section, Event& out);
void read_expectation(Section& section, Expectation& out);

/// Any text that a person writes: a name, a reason.
inline constexpr std::string_view free_text_rule = "text without control characters";
bool is_free_text(std::string_view text);

/// One of the words; `out` stays as it was otherwise, and the problem names the nearest.
void read_word(const Field& field, std::string& out, const std::vector<std::string>& words);

/// Calls read(value) on an optional that is present in the file.
template <class T, class Read>
void read_optional(const Field& field, std::optional<T>& out, Read&& read) {
  if (!field.present()) return;
  T value = out.value_or(T{});
  read(value);
  out = std::move(value);
}

/// Rules that no single key can break, and those that need the configuration.
void check_scenario(Scenario& scenario, const Config& config, Report& report);

}  // namespace canary::config

// Scenario: what must be so.
#include "config/entry_kind.hpp"
#include "config/parse.hpp"
#include "config/scenario_parse.hpp"
#include "config/words.hpp"

namespace canary::config {
namespace {

using Kind = Expectation::Kind;
using Mode = RollbackPolicy::Mode;

void read_time(const Field& field, std::optional<Duration>& out) {
  read_optional(field, out, [&](Duration& value) { field.duration(value, zero_or_more); });
}

void read_window(Section& section, Expectation& out) {
  read_time(section["after"], out.after);
  read_time(section["before"], out.before);
}

void read_times(const Field& field, Expectation& out) {
  read_optional(field, out.times, [&](std::uint32_t& value) { field.number(value, {0, 100'000}); });
}

void read_reason(const Field& field, Expectation& out) {
  field.text(out.reason, is_free_text, free_text_rule);
}

/// What narrows down the entries that are meant.
void read_filter(Section& section, Expectation& out) {
  const Field trigger = section["trigger"], mode = section["mode"], phase = section["phase"];
  if (trigger.present()) read_word(trigger, out.trigger, scenario_triggers());
  read_optional(mode, out.mode, [&](Mode& value) {
    mode.choice<Mode>(value, {{"immediate", Mode::immediate}, {"gradual", Mode::gradual}});
  });
  read_optional(phase, out.phase, [&](std::uint32_t& value) { phase.number(value, {0, 1000}); });
  read_reason(section["reason"], out);
  section["by"].text(out.by, is_free_text, free_text_rule);
  read_window(section, out);
}

void read_moment(Section& section, Expectation& out) {
  const Field status = section["status"], weight = section["weight"], phase = section["phase"];
  const Field latched = section["latched"], limited_by = section["limited_by"];
  read_optional(status, out.status,
                [&](std::string& word) { read_word(status, word, scenario_statuses()); });
  read_optional(weight, out.weight, [&](BasisPoints& value) { weight.weight(value); });
  read_optional(phase, out.phase, [&](std::uint32_t& value) { phase.number(value, {0, 1000}); });
  read_optional(latched, out.latched, [&](bool& value) { latched.boolean(value); });
  read_optional(limited_by, out.limited_by, [&](std::string& word) {
    read_word(limited_by, word, {"file", "flag", "phase", "cap"});
  });
  section["reason"].text(out.reason, is_free_text, free_text_rule);
}

/// `rollback: true`, `rollback: error_rate`, or a map of what narrows it down.
void read_rollback(const Field& field, Section& section, Expectation& out) {
  out.entry = "rollback";
  if (field.is_map()) {
    field.section([&](Section& inner) {
      read_filter(inner, out);
      read_times(inner["times"], out);
    });
    return;
  }
  const std::string* word = field.scalar("true, a trigger, or a map");
  if (word && *word != "true" && *word != "any") read_word(field, out.trigger, scenario_triggers());
  read_filter(section, out);
  read_times(section["times"], out);
}

void describe_all(Section& section, const Field& rollback, Expectation& out) {
  rollback.section([&](Section& inner) {
    read_filter(inner, out);
    read_times(inner["times"], out);
  });
  read_filter(section, out);
  read_times(section["times"], out);
  read_moment(section, out);
}

}  // namespace

const std::vector<std::string>& scenario_entries() {
  static const std::vector<std::string> entries(
      entry_kind_names.begin(), entry_kind_names.begin() + static_cast<int>(EntryKind::unknown));
  return entries;
}

const std::vector<std::string>& scenario_triggers() {
  static const std::vector<std::string> triggers{"error_rate",
                                                 "latency_p95",
                                                 "quality_degradation",
                                                 "critical_bug",
                                                 "insufficient_data",
                                                 "operator",
                                                 "flag",
                                                 "file",
                                                 "state_lost"};
  return triggers;
}

const std::vector<std::string>& scenario_statuses() {
  static const std::vector<std::string> statuses{"idle", "running",      "paused",      "gate",
                                                 "held", "rolling_back", "rolled_back", "complete"};
  return statuses;
}

void read_expectation(Section& section, Expectation& out) {
  const Field rollback = section["rollback"], happens = section["happens"];
  const Field never = section["never"], at = section["at"];
  const Field max_weight = section["max_weight"], told = section["told"];
  section.exactly_one();
  section["model"].text(out.model, is_name, name_rule);
  if (section.describing()) return describe_all(section, rollback, out);
  if (rollback.present()) {
    read_rollback(rollback, section, out);
  } else if (happens.present()) {
    read_word(happens, out.entry, scenario_entries());
    read_filter(section, out);
    read_times(section["times"], out);
  } else if (never.present()) {
    out.kind = Kind::never;
    read_word(never, out.entry, scenario_entries());
    read_filter(section, out);
  } else if (at.present()) {
    out.kind = Kind::at;
    const std::string* word = at.scalar("a time, such as 3d12h, or end");
    if (word && *word != "end") read_time(at, out.at);
    read_moment(section, out);
  } else if (max_weight.present()) {
    out.kind = Kind::max_weight;
    read_optional(max_weight, out.weight, [&](BasisPoints& value) { max_weight.weight(value); });
    read_window(section, out);
  } else if (told.present()) {
    out.kind = Kind::told;
    told.text(out.entry, is_free_text, "a part of the receiver's name");
    read_reason(section["reason"], out);
    read_times(section["times"], out);
    read_window(section, out);
  }
}

}  // namespace canary::config

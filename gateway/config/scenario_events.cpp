// Scenario: what happens, and when.
#include "config/parse.hpp"
#include "config/scenario_parse.hpp"
#include "config/words.hpp"

namespace canary::config {
namespace {

using Mode = RollbackPolicy::Mode;

void read_person(Section& section, Act& out) {
  section["by"].text(out.by, is_free_text, free_text_rule);
  section["reason"].text(out.reason, is_free_text, free_text_rule);
}

/// An act whose value is a word of its own (`rollback: gradual`), or a map with that word under
/// `key`, `by` and `reason`.
template <class ReadWord>
void read_act(const Field& field, Act::Kind kind, std::string_view key, const Act& person,
              std::vector<Act>& out, ReadWord&& read_word) {
  Act act = person;
  act.kind = kind;
  if (field.is_map() || !field.present()) {
    field.section([&](Section& section) {
      if (!key.empty()) read_word(section[key], act);
      read_person(section, act);
    });
  } else {
    read_word(field, act);
  }
  if (field.present()) out.push_back(std::move(act));
}

void read_mode(const Field& field, Act& act) {
  if (!field.present()) return;
  act.mode = Mode::immediate;
  field.choice<Mode>(*act.mode, {{"immediate", Mode::immediate}, {"gradual", Mode::gradual}});
}

void read_severity(const Field& field, Act& act) {
  field.choice<bool>(act.critical, {{"critical", true}, {"minor", false}});
}

void read_flag(const Field& field, Act& act) {
  const std::string* word = field.present() ? field.scalar("a percentage or removed") : nullptr;
  if (word && *word == "removed")
    act.kind = Act::Kind::clear_flag;
  else
    field.weight(act.percentage);
}

/// `promote: true`, or `promote: why`.
void read_why(const Field& field, Act& act) {
  const std::string* word = field.scalar("true, or the reason");
  if (!word || *word == "true") return;
  field.text(act.reason, is_free_text, "true, or the reason");
}

void read_acts(Section& section, std::vector<Act>& out) {
  Act person;
  read_person(section, person);
  using Kind = Act::Kind;
  read_act(section["promote"], Kind::promote, "", person, out, read_why);
  read_act(section["pause"], Kind::pause, "", person, out, read_why);
  read_act(section["resume"], Kind::resume, "", person, out, read_why);
  read_act(section["rollback"], Kind::rollback, "mode", person, out, read_mode);
  read_act(section["complaint"], Kind::complaint, "severity", person, out, read_severity);
  read_act(section["flag"], Kind::set_flag, "percentage", person, out, read_flag);
}

void read_file(const Field& field, FileEdit& out) {
  if (field.present() && !field.is_map()) {
    const std::string* word = field.scalar("the path of a configuration, its text, or a map");
    if (!word) return;
    (word->find('\n') == std::string::npos ? out.path : out.text) = *word;
    if (word->empty()) field.problem("the path of a configuration, its text, or a map");
    return;
  }
  field.section([&](Section& section) {
    const Field percentage = section["rollout_percentage"], attempt = section["attempt"];
    read_optional(percentage, out.rollout_percentage,
                  [&](BasisPoints& value) { percentage.weight(value); });
    read_optional(attempt, out.attempt, [&](std::uint32_t& value) {
      attempt.number(value, {1, 4294967295});
    });
    section.at_least_one();
  });
}

void read_outage(const Field& field, Outage& out) {
  constexpr std::string_view rule = "restart, kill, `down for 2h`, or { down: 2h, kill: true }";
  if (field.is_map() || !field.present()) {
    field.section([&](Section& section) {
      section["down"].duration(out.down, zero_or_more);
      section["kill"].boolean(out.killed);
    });
    return;
  }
  const std::string* word = field.scalar(rule);
  if (!word) return;
  constexpr std::string_view down = "down for ";
  if (*word == "kill") {
    out.killed = true;
  } else if (word->starts_with(down)) {
    const auto time = base::parse_duration(std::string_view(*word).substr(down.size()));
    if (!time || *time > longest) return field.problem(std::string(rule));
    out.down = *time;
  } else if (*word != "restart") {
    field.problem(std::string(rule));
  }
}

}  // namespace

std::string_view name(Act::Kind kind) {
  switch (kind) {
    case Act::Kind::promote:
      return "promote";
    case Act::Kind::pause:
      return "pause";
    case Act::Kind::resume:
      return "resume";
    case Act::Kind::rollback:
      return "rollback";
    case Act::Kind::complaint:
      return "complaint";
    case Act::Kind::set_flag:
    case Act::Kind::clear_flag:
      return "flag";
  }
  return "act";
}

void read_event(Section& section, Event& out) {
  section.required("at", "when it happens, since the beginning, such as 3d12h")
      .duration(out.at, zero_or_more);
  section["every"].duration(out.every, {1min, longest});
  const Field until = section["until"];
  read_optional(until, out.until, [&](Duration& value) { until.duration(value, zero_or_more); });
  section["model"].text(out.model, is_name, name_rule);
  Conditions change;
  read_conditions(section, change, true);
  if (says_anything(change)) out.change = std::move(change);
  section["over"].duration(out.over, zero_or_more);
  read_acts(section, out.acts);
  const Field file = section["file"];
  if (file.present()) out.file.emplace();
  FileEdit edit;
  read_file(file, edit);
  if (file.present()) out.file = std::move(edit);
  const Field gateway = section["gateway"];
  Outage outage;
  read_outage(gateway, outage);
  if (gateway.present()) out.outage = outage;
  const Field disk = section["disk"];
  read_optional(disk, out.disk_full, [&](bool& full) {
    disk.choice<bool>(full, {{"full", true}, {"ok", false}});
  });
}

}  // namespace canary::config

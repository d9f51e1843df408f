#include "control/notices.hpp"

#include <array>
#include <string_view>
#include <utility>

#include "notify/notice_id.hpp"

namespace canary::control {
namespace {

using config::NoticeKind;

constexpr std::array<std::pair<std::string_view, NoticeKind>, 24> kinds{{
    {"rung", NoticeKind::step},         {"rung_held", NoticeKind::step},
    {"in_force", NoticeKind::step},     {"drained", NoticeKind::step},
    {"verified", NoticeKind::step},     {"unverified", NoticeKind::step},
    {"watch", NoticeKind::step},        {"watched", NoticeKind::step},
    {"phase", NoticeKind::phase},       {"promote", NoticeKind::phase},
    {"complete", NoticeKind::phase},    {"held", NoticeKind::hold},
    {"gate", NoticeKind::hold},         {"promoted", NoticeKind::promoted},
    {"reminder", NoticeKind::reminder}, {"complaint", NoticeKind::complaint},
    {"pause", NoticeKind::command},     {"resume", NoticeKind::command},
    {"attempt", NoticeKind::command},   {"flag", NoticeKind::command},
    {"file", NoticeKind::command},      {"plan", NoticeKind::command},
    {"rollback", NoticeKind::rollback}, {"state_lost", NoticeKind::rollback},
}};

}  // namespace

std::optional<NoticeKind> notice_kind(const rollout::Decision& decision) {
  if (decision.refused || !decision.entry) return std::nullopt;
  if (!decision.trigger.empty()) return NoticeKind::rollback;
  for (const auto& [word, kind] : kinds)
    if (decision.entry->kind == word) return kind;
  return std::nullopt;
}

notify::Notice notice_of(const Key& key, const rollout::Decision& decision, NoticeKind kind,
                         const std::string& stable, const std::string& instance,
                         base::WallTime now) {
  const rollout::Entry& entry = *decision.entry;
  notify::Notice notice;
  notice.kind = kind;
  notice.time = now;
  notice.model = key.first;
  notice.canary = key.second;
  notice.stable = stable;
  notice.decision = entry.kind;
  notice.actor = entry.actor;
  notice.reason = entry.reason;
  notice.before = base::percent(entry.before);
  notice.after = base::percent(entry.after);
  notice.phase = entry.phase;
  notice.harmless = entry.harmless;
  if (entry.reading)
    notice.measured = {entry.reading->criterion, entry.reading->value, entry.reading->limit,
                       entry.reading->samples};
  std::string name = key.first + '\n' + key.second + '\n' + std::string(config::name(kind)) + '\n' +
                     std::to_string(decision.next.rollbacks);
  if (kind == NoticeKind::rollback) {
    notice.trigger = decision.trigger;
    notice.mode = rollout::mode_name(decision.mode);
  } else {
    name += '\n' + entry.kind + '\n' + std::to_string(now.time_since_epoch().count());
  }
  notice.id = notify::notice_id(instance, name);
  return notice;
}

}  // namespace canary::control

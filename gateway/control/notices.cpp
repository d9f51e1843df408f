#include "control/notices.hpp"

#include "notify/notice_id.hpp"

namespace canary::control {
namespace {

using config::NoticeKind;

std::optional<NoticeKind> notice_kind_of(config::EntryKind kind) {
  using config::EntryKind;
  switch (kind) {
    case EntryKind::rollback:
    case EntryKind::state_lost:
      return NoticeKind::rollback;
    case EntryKind::rung:
    case EntryKind::rung_held:
    case EntryKind::in_force:
    case EntryKind::drained:
    case EntryKind::verified:
    case EntryKind::unverified:
    case EntryKind::watch:
    case EntryKind::watched:
      return NoticeKind::step;
    case EntryKind::phase:
    case EntryKind::promote:
    case EntryKind::complete:
      return NoticeKind::phase;
    case EntryKind::held:
    case EntryKind::gate:
      return NoticeKind::hold;
    case EntryKind::promoted:
      return NoticeKind::promoted;
    case EntryKind::reminder:
      return NoticeKind::reminder;
    case EntryKind::complaint:
      return NoticeKind::complaint;
    case EntryKind::pause:
    case EntryKind::resume:
    case EntryKind::attempt:
    case EntryKind::flag:
    case EntryKind::file:
    case EntryKind::plan:
      return NoticeKind::command;
    case EntryKind::refused:
    case EntryKind::recovered:  // a rollback, if it has a trigger
    case EntryKind::moved:
    case EntryKind::forget:
    case EntryKind::unknown:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<NoticeKind> notice_kind(const rollout::Decision& decision) {
  if (decision.refused || !decision.entry) return std::nullopt;
  if (!decision.trigger.empty()) return NoticeKind::rollback;
  return notice_kind_of(decision.entry->kind);
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
    name.append(1, '\n').append(config::name(entry.kind));
    name += '\n' + std::to_string(now.time_since_epoch().count());
  }
  notice.id = notify::notice_id(instance, name);
  return notice;
}

}  // namespace canary::control

// Notices for the tests of this room.
#pragma once

#include <string>

#include "notify/notice.hpp"

namespace canary::notify_test {

inline const std::string status_url = "http://127.0.0.1:9901/internal/status";

/// A rollback of comp-critic_v2, decided by the judge.
inline notify::Notice rollback_notice() {
  notify::Notice notice;
  notice.id = "018f0000-0000-7000-8000-000000000001";
  notice.kind = config::NoticeKind::rollback;
  notice.time = base::WallTime(std::chrono::milliseconds(1'700'000'000'042));
  notice.model = "comp-critic";
  notice.stable = "comp-critic_v1";
  notice.canary = "comp-critic_v2";
  notice.decision = config::EntryKind::rollback;
  notice.trigger = "error_rate";
  notice.mode = "immediate";
  notice.actor = "gateway";
  notice.reason = "error rate 0.933% > 0.5% (9 of 965 requests in 10s)";
  notice.before = 10;
  notice.after = 0;
  notice.phase = 1;
  notice.measured = {"error_rate", 0.00933, 0.005, 965};
  return notice;
}

/// Any other decision about it.
inline notify::Notice notice_of(config::NoticeKind kind, const std::string& decision,
                                const std::string& reason) {
  notify::Notice notice = rollback_notice();
  notice.kind = kind;
  notice.decision = config::parse_entry_kind(decision);
  notice.reason = reason;
  notice.trigger.clear();
  notice.mode.clear();
  notice.measured.reset();
  notice.before = 50;
  notice.after = 25;
  return notice;
}

}  // namespace canary::notify_test

#include <algorithm>

#include "config/config.hpp"

namespace canary::config {

std::string_view name(NoticeKind kind) {
  switch (kind) {
    case NoticeKind::rollback:
      return "rollback";
    case NoticeKind::step:
      return "step";
    case NoticeKind::phase:
      return "phase";
    case NoticeKind::hold:
      return "hold";
    case NoticeKind::promoted:
      return "promoted";
    case NoticeKind::reminder:
      return "reminder";
    case NoticeKind::complaint:
      return "complaint";
    case NoticeKind::command:
      return "command";
  }
  return "rollback";
}

bool Notify::wants(NoticeKind what) const {
  return on.empty() || std::find(on.begin(), on.end(), what) != on.end();
}

}  // namespace canary::config

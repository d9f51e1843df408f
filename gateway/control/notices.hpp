// Which decisions people are told of, and as what. Pure.
#pragma once

#include <optional>
#include <string>

#include "control/gate.hpp"
#include "notify/notice.hpp"
#include "rollout/advance.hpp"

namespace canary::control {

/// What a decision is to people; nothing: it is in the history alone.
std::optional<config::NoticeKind> notice_kind(const rollout::Decision& decision);

/// The notice of a decision that has a kind. A rollback's id depends on its number alone, so that
/// it is the same when a crash lost its record; any other's also on the time.
notify::Notice notice_of(const Key& key, const rollout::Decision& decision, config::NoticeKind kind,
                         const std::string& stable, const std::string& instance,
                         base::WallTime now);

}  // namespace canary::control

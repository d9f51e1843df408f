// Notices in words, for a person who is woken at three in the morning: what happened, why, and what
// to do. Pure. The texts: docs/notifications.md.
#pragma once

#include <string>
#include <string_view>

#include "notify/notice.hpp"

namespace canary::notify {

/// `comp-critic_v1` of model `comp-critic` is `v1`; any other name is itself.
std::string_view short_version(std::string_view model, std::string_view version);

/// One line, for a rollback two: the runbook's sentence, then the numbers. Ends with the link.
std::string text_of(const Notice& notice, const std::string& status_url);

}  // namespace canary::notify

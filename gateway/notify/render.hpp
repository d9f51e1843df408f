// The bytes that a receiver gets: rendered once, sent the same at every try. Pure.
#pragma once

#include <string>

#include "config/config.hpp"
#include "notify/notice.hpp"

namespace canary::notify {

/// Slack's incoming webhook: {"channel","text"}, the text escaped as Slack wants.
std::string slack_body(const Notice& notice, const std::string& channel,
                       const std::string& status_url);

/// CloudEvents 1.0 in structured mode; `data` is data_of().
std::string cloud_event(const Notice& notice, const std::string& status_url);

/// Every field of the notice, the text and the link, as a JSON object.
std::string data_of(const Notice& notice, const std::string& status_url);

/// One line `notice` in the gateway's log, of what data_of() wrote.
void log_data(const std::string& data);

}  // namespace canary::notify

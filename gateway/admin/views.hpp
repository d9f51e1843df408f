// State -> JSON, pure. The shapes are documented in docs/api.md; weights are numbers of per cent.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/controller.hpp"
#include "control/views.hpp"
#include "notify/notifier.hpp"
#include "store/journal.hpp"

namespace canary::admin {

/// Requests in flight by (model, version).
using InFlight = std::map<std::pair<std::string, std::string>, std::uint64_t>;

std::string status_json(const control::StatusView& status, const InFlight& in_flight,
                        const std::vector<notify::ReceiverView>& receivers);

/// {"flags":[{"flag","model","rollout_percentage","set","effective","limited_by"}]}
std::string flags_json(const control::StatusView& status);
/// {"rollout_percentage","effective","limited_by","durable"}: the answer of GET, PUT and DELETE.
/// With `message`, when there is one: what was decided.
std::string flag_json(const rollout::Weight& weight, bool durable, std::string_view message = {});
/// {"model","weight":{...},"durable","message"}: the answer of a rollout's commands.
std::string command_json(const std::string& model, const rollout::Weight& weight, bool durable,
                         std::string_view message = {});
/// {"latches":[{"model","canary","since","attempt","rollbacks","reason","named"}]}
std::string latches_json(const std::vector<control::LatchedView>& latched);
/// {"version","forgotten":true}
std::string forgotten_json(const std::string& version);
std::string reload_json(const control::StatusView& status);
std::string history_json(const std::vector<store::HistoryRow>& rows);
std::string ready_json(const control::StatusView& status);

}  // namespace canary::admin

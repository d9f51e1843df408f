// One function per section of the file: YAML in, struct out. Each lives in the parse_*.cpp of its
// name; rules about several keys at once are in validate.cpp.
#pragma once

#include "config/section.hpp"

namespace canary::config {

/// No timeout, hold or window is longer: sums of times stay far from overflow.
inline constexpr base::Duration longest = std::chrono::days(365);
inline constexpr DurationRange positive{1ms, longest};
inline constexpr DurationRange zero_or_more{0s, longest};

/// Each receiver has a thread of its own.
inline constexpr std::size_t max_receivers = 16;

/// Calls read(root) on the text's document; an empty text is an empty map. What it returns forbids
/// any reading; what `read` finds is in the report.
std::vector<Problem> read_text(std::string_view text, Report& report,
                               const std::function<void(Section&)>& read);

void read_root(Section& root, Config& out);
void read_data(Section& data, DataPlane& out);
void read_admin(Section& admin, Admin& out);
void read_observe(Section& observe, Observe& out);
void read_access_log(Section& log, AccessLog& out);
void read_model(Section& section, Model& out);
void read_match(const Field& list, Model& out);
void read_stable(Section& section, Model& out);
bool read_canary(Section& section, Canary& out);  // whether it says its percentage
void read_traffic(Section& model, Model& out);    // sticky, override, timeouts, upstream, health
void read_judging(Section& model, Model& out);    // slo, errors, success, triggers, judge, plan ...
void read_notify(const Field& list, std::vector<Notify>& out);

/// Rules that no single key can break.
void validate(const Config& config, Report& report);

}  // namespace canary::config

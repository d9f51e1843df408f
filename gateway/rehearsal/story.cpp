#include "rehearsal/story.hpp"

#include <cstdio>
#include <utility>

namespace canary::rehearsal {

bool Moment::told_by(const Moment& notice) const {
  return kind == Kind::entry && notice.kind == Kind::notice && notice.at == at &&
         notice.model == model && notice.decision == what && notice.cause == reason;
}

bool Snapshot::operator==(const Snapshot& other) const {
  return weight == other.weight && limited_by == other.limited_by && status == other.status &&
         reason == other.reason && phase == other.phase && latched == other.latched &&
         gateway_down == other.gateway_down;
}

const Snapshot& ModelStory::at(base::Duration time) const {
  const Snapshot* found = &snapshots.front();
  for (const auto& snapshot : snapshots) {
    if (snapshot.at > time) break;
    found = &snapshot;
  }
  return *found;
}

const ModelStory* Story::find(const std::string& model) const {
  for (const auto& story : models)
    if (story.model == model) return &story;
  return nullptr;
}

std::string time_text(base::Duration at) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at).count();
  const auto seconds = ms / 1000;
  char text[64];
  std::snprintf(text, sizeof text, "%2lldd %02d:%02d:%02d", static_cast<long long>(seconds / 86400),
                static_cast<int>(seconds / 3600 % 24), static_cast<int>(seconds / 60 % 60),
                static_cast<int>(seconds % 60));
  std::string out = text;
  if (ms % 1000 != 0) {
    std::snprintf(text, sizeof text, ".%03d", static_cast<int>(ms % 1000));
    out += text;
  }
  return out;
}

std::string short_text(base::Duration at) {
  using namespace std::chrono_literals;
  constexpr std::pair<base::Duration, const char*> units[] = {
      {24h, "d"}, {1h, "h"}, {1min, "m"}, {1s, "s"}, {1ms, "ms"}};
  std::string text;
  for (const auto& [unit, name] : units) {
    if (at < unit) continue;
    text += std::to_string(at / unit) + name;
    at %= unit;
  }
  return text.empty() ? "0s" : text;
}

}  // namespace canary::rehearsal

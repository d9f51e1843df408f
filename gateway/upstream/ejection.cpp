#include "upstream/ejection.hpp"

#include <algorithm>
#include <limits>

namespace canary::upstream {
namespace {

constexpr Duration shortest = std::chrono::seconds(1);
constexpr Duration longest = std::chrono::seconds(30);
constexpr int doublings = 5;  // 32 s is above the longest

}  // namespace

Duration Ejection::back_off(int n, double chance) {
  const Duration plain =
      n < 0 ? shortest / (1 << -n) : std::min(longest, shortest * (1 << std::min(n, doublings)));
  return std::chrono::duration_cast<Duration>(plain * (0.75 + chance / 2));
}

void Ejection::hasten(MonoTime now) {
  if (failures_ == 0) return;
  retry_at_ = std::min(retry_at_, now);
  tries_ = hastened;
}

bool Ejection::connected() {
  const bool was_ejected = ejected_;
  *this = {};
  return was_ejected;
}

bool Ejection::failed(Try how, MonoTime now, std::uint32_t eject_after, double chance) {
  if (how != Try::in_use) trying_ = false;
  if (failures_ < std::numeric_limits<std::uint32_t>::max()) ++failures_;
  if (ejected_) {
    // A last resort, and connects that began before the ejection, say nothing new.
    if (how != Try::in_use) failed_at_ = now;
    if (how == Try::half_open) back_off_from(now, chance);
    return false;
  }
  if (eject_after == 0 || failures_ < eject_after) return false;
  ejected_ = true;
  failed_at_ = now;
  back_off_from(now, chance);
  return true;
}

void Ejection::back_off_from(MonoTime now, double chance) {
  retry_at_ = now + back_off(tries_, chance);
  if (tries_ < doublings) ++tries_;
}

}  // namespace canary::upstream

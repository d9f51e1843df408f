#include "proxy/ejection.hpp"

#include <algorithm>
#include <limits>

namespace canary::proxy {
namespace {

constexpr Duration shortest = std::chrono::seconds(1);
constexpr Duration longest = std::chrono::seconds(30);
constexpr unsigned doublings = 5;  // 32 s is above the longest

}  // namespace

Duration Ejection::back_off(unsigned n, double chance) {
  const Duration plain = std::min(longest, shortest * (1u << std::min(n, doublings)));
  return std::chrono::duration_cast<Duration>(plain * (0.75 + chance / 2));
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
    if (how != Try::half_open) return false;
    if (tries_ < doublings) ++tries_;
    retry_at_ = now + back_off(tries_, chance);
    return false;
  }
  if (eject_after == 0 || failures_ < eject_after) return false;
  ejected_ = true;
  tries_ = 0;
  failed_at_ = now;
  retry_at_ = now + back_off(0, chance);
  return true;
}

}  // namespace canary::proxy

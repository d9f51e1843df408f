#include "base/clock.hpp"

#include <cstdio>
#include <ctime>

namespace canary::base {

std::string format_time(WallTime time) {
  const auto since_epoch = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
  const auto whole_seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  const std::time_t seconds = whole_seconds.count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[80];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<int>((since_epoch - whole_seconds).count()));
  return text;
}

}  // namespace canary::base

#include "base/clock.hpp"

#include <cstdio>
#include <ctime>

namespace canary::base {

std::string format_time(WallTime time) {
  using std::chrono::duration_cast;
  auto ms = duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  std::time_t seconds = ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[80];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<int>(ms % 1000));
  return text;
}

}  // namespace canary::base

#include "notify/pace.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <string>

namespace canary::notify {
namespace {

constexpr long most_seconds = 365L * 86400;

// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7), the form that senders must use.
std::optional<base::WallTime> parse_date(const std::string& text) {
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm time{};
  char month[4] = {}, zone[4] = {};
  if (std::sscanf(text.c_str(), "%*3s, %2d %3s %4d %2d:%2d:%2d %3s", &time.tm_mday, month,
                  &time.tm_year, &time.tm_hour, &time.tm_min, &time.tm_sec, zone) != 7)
    return {};
  const auto found = std::find(months.begin(), months.end(), std::string_view(month));
  if (found == months.end() || std::string_view(zone) != "GMT") return {};
  time.tm_mon = static_cast<int>(found - months.begin());
  time.tm_year -= 1900;
  return base::WallTime(std::chrono::seconds(::timegm(&time)));
}

}  // namespace

base::Duration back_off(base::Duration least, base::Duration most, unsigned failures,
                        base::Random& random) {
  base::Duration longest = least;
  for (unsigned i = 0; i < failures && longest < most; ++i) longest *= 2;
  longest = std::min(longest, most);
  const double room = static_cast<double>((longest - least).count()) * random.unit();
  return least + base::Duration(static_cast<base::Duration::rep>(room));
}

std::optional<base::Duration> parse_retry_after(std::string_view value, base::WallTime now) {
  long seconds = 0;
  const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (code == std::errc() && end == value.data() + value.size() && seconds >= 0)
    return std::chrono::seconds(std::min(seconds, most_seconds));
  const auto date = parse_date(std::string(value));
  if (!date) return {};
  return std::clamp<base::Duration>(*date - now, base::Duration::zero(),
                                    std::chrono::seconds(most_seconds));
}

}  // namespace canary::notify

// What must, and what must not, be written.
#include <regex>

#include "tidy/rules.hpp"

namespace canary::tidy {
namespace {

// The one header of the gateway whose defaults read as durations; tests may, too.
bool may_open_literals(const Source& source) {
  return source.path == "gateway/config/config.hpp" || source.path.starts_with("tests/");
}

// Reports each line of code that `form` matches.
void find_in_code(const Source& source, const std::regex& form, const std::string& what,
                  Violations& violations) {
  for (std::size_t i = 0; i < source.code.size(); ++i)
    if (std::regex_search(source.code[i], form)) violations.push_back({source.path, i + 1, what});
}

}  // namespace

Violations check_header(const Source& source) {
  if (!source.is_header()) return {};
  Violations violations;
  if (source.lines.empty() || !source.lines[0].starts_with("// "))
    violations.push_back({source.path, 1, "the header does not begin by saying what it is"});
  bool once = false;
  for (const std::string& line : source.code) once = once || line == "#pragma once";
  if (!once) violations.push_back({source.path, 1, "no #pragma once"});
  return violations;
}

Violations check_awaits(const Source& source) {
  static const std::regex condition(R"re(\b(if|while|for)\s*(constexpr\s*)?\()re");
  static const std::regex await(R"re(\bco_await\b)re");
  Violations violations;
  std::string text;
  for (const std::string& line : source.code) text += line + '\n';
  for (auto at = std::sregex_iterator(text.begin(), text.end(), condition);
       at != std::sregex_iterator(); ++at) {
    const auto open = static_cast<std::size_t>(at->position(0) + at->length(0));
    std::size_t end = open;
    for (int depth = 1; end < text.size() && depth > 0; ++end) {
      if (text[end] == '(') ++depth;
      if (text[end] == ')') --depth;
    }
    if (!std::regex_search(text.substr(open, end - open), await)) continue;
    const auto line = std::count(text.begin(), text.begin() + at->position(0), '\n');
    violations.push_back({source.path, static_cast<std::size_t>(line) + 1,
                          "co_await within a condition: name its result first (GCC 12)"});
  }
  return violations;
}

Violations check_time(const Source& source) {
  static const std::regex clock(
      R"re(\b(steady_clock|system_clock|high_resolution_clock|utc_clock)\s*::\s*now\b)re"
      R"re(|\b(clock_gettime|gettimeofday)\s*\(|\btime\s*\(\s*(nullptr|NULL)\s*\))re");
  static const std::regex system_clock(R"re(\bSystemClock\b)re");
  static const std::regex dice(R"re(\brandom_device\b|\bmt19937|\bs?rand\s*\(|\bgetrandom\s*\()re");
  // A worker's clock offset, once a second; the name of a file that is set aside; a thread that may
  // outlive whoever could lend it a clock, and that decides nothing about a rollout.
  static const std::set<std::string> reads_wall_clock{"gateway/proxy/worker", "gateway/store/files",
                                                      "gateway/control/config_file"};
  static const std::set<std::string> clock_rooms{"net", "reactor"};
  static const std::set<std::string> system_rooms{"base", "log", "net", "reactor", "run", "main"};
  const std::string room = source.room();
  Violations violations;
  if (room.empty()) return violations;
  if (!clock_rooms.contains(room) && source.stem() != "gateway/base/clock")
    find_in_code(source, clock, "time is an argument: no now() here", violations);
  if (!system_rooms.contains(room) && !reads_wall_clock.contains(source.stem()))
    find_in_code(source, system_clock, "time is an argument: take a Clock, or the time",
                 violations);
  if (source.stem() != "gateway/base/random")
    find_in_code(source, dice, "randomness is an argument: take a base::Random", violations);
  return violations;
}

Violations check_words(const Source& source) {
  // Written in parts, because this file is read too.
  static const std::regex unfinished(
      "\\b(TO"
      "DO|FIX"
      "ME|XX"
      "X)\\b");
  static const std::regex any(R"re(\busing\s+namespace\b)re");
  static const std::regex but_literals(R"re(\busing\s+namespace\s+(?!std::chrono_literals;))re");
  Violations violations;
  for (std::size_t i = 0; i < source.lines.size(); ++i)
    if (std::regex_search(source.lines[i], unfinished))
      violations.push_back({source.path, i + 1, "unfinished work is not marked, it is finished"});
  if (source.is_header())
    find_in_code(source, may_open_literals(source) ? but_literals : any,
                 "using namespace in a header", violations);
  return violations;
}

}  // namespace canary::tidy

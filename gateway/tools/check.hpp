// `canary-gateway check -c FILE`: would this file be accepted, and what would it run? Needs no
// running gateway; the only network it uses is the resolver, for warnings.
#pragma once

#include <iosfwd>
#include <string>

#include "base/clock.hpp"

namespace canary::tools {

inline constexpr int check_good = 0;
inline constexpr int check_invalid = 2;

struct CheckOptions {
  bool json = false;
  base::Duration resolve_timeout = std::chrono::seconds(3);  // for all names together
};

/// Reads `path`, writes what is wrong with it (`file:line:column: key: found X, expected Y`, one
/// per line), or what it would run, and returns the exit status. With `json`, one object:
/// `{"file","ok","errors":[{"line","column","key","found","expected"}],"warnings":[...],
/// "notes":[{"key","note"}],"models":[{"name","stable","canary","rollout_percentage"}]}`; `canary`
/// and `rollout_percentage` are absent where there is no canary, `models` is empty when there are
/// errors.
int run_check(const std::string& path, const CheckOptions& options, std::ostream& out);
/// The same, to the standard output.
int run_check(const std::string& path, bool json);

}  // namespace canary::tools

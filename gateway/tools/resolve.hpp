// Which names do not resolve, asked within a deadline.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace canary::tools {

struct Unresolved {
  std::string host;
  std::string reason;  // the resolver's words, or that it took too long
};

/// Asks for each host as a gateway does, one after the other on a thread of its own, and stops
/// waiting after `timeout` in all. The resolver cannot be interrupted: the thread may outlive the
/// call, and keeps what it needs alive by itself.
std::vector<Unresolved> find_unresolved(const std::set<std::string>& hosts, base::Duration timeout);

}  // namespace canary::tools

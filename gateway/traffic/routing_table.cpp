#include "traffic/routing_table.hpp"

#include <algorithm>
#include <cstring>

namespace canary::traffic {

bool SocketAddress::operator==(const SocketAddress& other) const {
  // Field by field: what pads a sockaddr says nothing.
  if (length != other.length) return false;
  if (length == 0) return true;
  if (storage.ss_family != other.storage.ss_family) return false;
  if (storage.ss_family == AF_INET) {
    const auto& a = reinterpret_cast<const sockaddr_in&>(storage);
    const auto& b = reinterpret_cast<const sockaddr_in&>(other.storage);
    return a.sin_port == b.sin_port && a.sin_addr.s_addr == b.sin_addr.s_addr;
  }
  if (storage.ss_family == AF_INET6) {
    const auto& a = reinterpret_cast<const sockaddr_in6&>(storage);
    const auto& b = reinterpret_cast<const sockaddr_in6&>(other.storage);
    return a.sin6_port == b.sin6_port && a.sin6_scope_id == b.sin6_scope_id &&
           std::memcmp(&a.sin6_addr, &b.sin6_addr, sizeof a.sin6_addr) == 0;
  }
  return std::memcmp(&storage, &other.storage, length) == 0;
}

std::string_view name(Role role) {
  switch (role) {
    case Role::stable:
      return "stable";
    case Role::canary:
      return "canary";
  }
  return "unknown";
}

bool Model::error_code(std::uint16_t code) const {
  return std::find(settings.errors_also.begin(), settings.errors_also.end(), code) !=
         settings.errors_also.end();
}

}  // namespace canary::traffic

#include "traffic/routing_table.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace canary::traffic {

// Field by field: what pads a sockaddr says nothing.
std::string SocketAddress::key() const {
  std::string key;
  const auto append = [&](const auto& field) {
    key.append(reinterpret_cast<const char*>(&field), sizeof field);
  };
  if (length == 0) return key;
  append(storage.ss_family);
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    append(v4.sin_addr);
    append(v4.sin_port);
  } else {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    append(v6.sin6_addr);
    append(v6.sin6_port);
    append(v6.sin6_scope_id);
  }
  return key;
}

bool SocketAddress::operator==(const SocketAddress& other) const { return key() == other.key(); }

std::string SocketAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
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

bool RoutingTable::gives_weight(const std::string& model, const std::string& canary) const {
  return std::any_of(models.begin(), models.end(), [&](const Model& each) {
    return each.name == model && each.canary_weight > 0 && each.canary->name == canary;
  });
}

bool Model::error_code(std::uint16_t code) const {
  return std::find(settings.errors_also.begin(), settings.errors_also.end(), code) !=
         settings.errors_also.end();
}

}  // namespace canary::traffic

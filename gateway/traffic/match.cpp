#include "traffic/match.hpp"

#include <algorithm>
#include <tuple>

#include "base/text.hpp"

namespace canary::traffic {
namespace {

// `example.com:8080` -> `example.com`, `[::1]:8080` -> `[::1]`.
std::string_view without_port(std::string_view host) {
  const auto colon = host.rfind(':');
  if (colon == std::string_view::npos) return host;
  const auto bracket = host.rfind(']');
  if (bracket != std::string_view::npos && bracket > colon) return host;
  return host.substr(0, colon);
}

bool accepts(const config::Match& match, const RequestView& request) {
  if (!match.path_prefix.empty() && !covers(match.path_prefix, request.path())) return false;
  if (!match.host.empty() && !base::iequals(match.host, without_port(request.host()))) return false;
  if (!match.header_name.empty()) {
    const std::string_view value = request.header(match.header_name);
    if (value.data() == nullptr || value != match.header_value) return false;
  }
  return true;
}

int conditions(const config::Match& match) {
  return !match.path_prefix.empty() + !match.host.empty() + !match.header_name.empty();
}

}  // namespace

const Model* match(const RoutingTable& table, const RequestView& request) {
  for (const RoutingTable::Route& route : table.routes)
    if (accepts(route.match, request)) return &table.models[route.model];
  return nullptr;
}

bool covers(std::string_view prefix, std::string_view path) {
  if (!path.starts_with(prefix)) return false;
  if (path.size() == prefix.size() || prefix.empty() || prefix.ends_with('/')) return true;
  const char next = path[prefix.size()];
  return next == '/' || next == ':';
}

void sort_routes(std::vector<RoutingTable::Route>& routes) {
  const auto specificity = [](const RoutingTable::Route& route) {
    return std::tuple(conditions(route.match), route.match.path_prefix.size());
  };
  std::stable_sort(routes.begin(), routes.end(),
                   [&](const auto& a, const auto& b) { return specificity(a) > specificity(b); });
}

}  // namespace canary::traffic

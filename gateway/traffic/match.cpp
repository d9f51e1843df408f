#include "traffic/match.hpp"

#include <algorithm>
#include <tuple>

#include "base/text.hpp"
#include "config/address.hpp"
#include "traffic/kserve.hpp"
#include "traffic/percent.hpp"

namespace canary::traffic {
namespace {

// `example.com:8080` and `example.com.` -> `example.com`, `[::1]:8080` -> `[::1]`.
std::string_view host_name(std::string_view host) {
  const auto colon = host.rfind(':');
  const auto bracket = host.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || bracket < colon))
    host = host.substr(0, colon);
  return base::without_final_dot(host);
}

// In any case; one IPv6 address has many spellings.
bool same_host(std::string_view wanted, std::string_view sent) {
  if (base::iequals(wanted, sent)) return true;
  if (!wanted.starts_with('[') || !sent.starts_with('[')) return false;
  const auto address = config::parse_ip(wanted.substr(1, wanted.size() - 2));
  return address && address == config::parse_ip(sent.substr(1, sent.size() - 2));
}

// Where covers() does not: as it does, whatever is percent-encoded; an encoded separator is none.
bool covers_decoded(std::string_view prefix, std::string_view path) {
  if (path.find('%') == std::string_view::npos || !take_decoded(path, prefix)) return false;
  return path.empty() || prefix.ends_with('/') || path.front() == '/' || path.front() == ':';
}

bool accepts(const config::Match& match, const RequestView& request) {
  if (!match.path_prefix.empty() && !covers(match.path_prefix, request.path()) &&
      !covers_decoded(match.path_prefix, request.path()))
    return false;
  if (!match.host.empty() && !same_host(match.host, host_name(request.host()))) return false;
  if (!match.header_name.empty()) {
    const std::string_view value = request.header(match.header_name);
    if (value.data() == nullptr || value != match.header_value) return false;
  }
  return true;
}

bool by_name(const config::Match& match) { return match.kserve != config::Kserve::none; }

int conditions(const config::Match& match) {
  const bool path = by_name(match) || !match.path_prefix.empty();
  return path + !match.host.empty() + !match.header_name.empty();
}

std::size_t path_length(const config::Match& match) {
  return by_name(match) ? kserve_length(match.served_name) : match.path_prefix.size();
}

}  // namespace

Matched match(const RoutingTable& table, const RequestView& request) {
  for (const RoutingTable::Route& route : table.routes) {
    if (!accepts(route.match, request)) continue;
    const Model& model = table.models[route.model];
    if (!by_name(route.match)) return {&model, {}};
    const auto path = read_kserve(route.match.kserve, route.match.served_name, request.path());
    if (path.names_model) return {&model, path.version};
  }
  return {};
}

bool covers(std::string_view prefix, std::string_view path) {
  if (!path.starts_with(prefix)) return false;
  if (path.size() == prefix.size() || prefix.empty() || prefix.ends_with('/')) return true;
  const char next = path[prefix.size()];
  return next == '/' || next == ':';
}

void sort_routes(std::vector<RoutingTable::Route>& routes) {
  const auto specificity = [](const RoutingTable::Route& route) {
    return std::tuple(conditions(route.match), path_length(route.match), by_name(route.match));
  };
  std::stable_sort(routes.begin(), routes.end(),
                   [&](const auto& a, const auto& b) { return specificity(a) > specificity(b); });
}

}  // namespace canary::traffic

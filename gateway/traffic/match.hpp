// Which model a request is for. Pure, allocation-free.
#pragma once

#include "traffic/request_view.hpp"
#include "traffic/routing_table.hpp"

namespace canary::traffic {

/// The model, or nullptr when no route matches. Routes are tried from most to least specific: more
/// conditions first, then the longer path prefix, then the file's order.
const Model* match(const RoutingTable& table, const RequestView& request);

/// True when `prefix` covers `path` in whole segments: /a covers /a, /a/b, /a:predict and not /ab.
bool covers(std::string_view prefix, std::string_view path);

/// Sorts routes so that the first that matches is the most specific.
void sort_routes(std::vector<RoutingTable::Route>& routes);

}  // namespace canary::traffic

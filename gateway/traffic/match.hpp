// Which model a request is for. Pure, allocation-free.
#pragma once

#include "traffic/request_view.hpp"
#include "traffic/routing_table.hpp"

namespace canary::traffic {

struct Matched {
  const Model* model = nullptr;  // nullptr: no route matches
  std::string_view version;      // named by the request's path (kserve.hpp); empty: none
};

/// Routes are tried from most to least specific: more conditions first, then the longer path (a
/// prefix, or one that names the model; of equally long ones the latter), then the file's order.
Matched match(const RoutingTable& table, const RequestView& request);

/// True when `prefix` covers `path` in whole segments: /a covers /a, /a/b, /a:predict and not /ab.
bool covers(std::string_view prefix, std::string_view path);

/// Sorts routes so that the first that matches is the most specific.
void sort_routes(std::vector<RoutingTable::Route>& routes);

}  // namespace canary::traffic

// One model with two endpoints of its stable version and one of its canary, as a routing table.
#pragma once

#include <memory>

#include "traffic/build_table.hpp"

namespace canary::control {

struct BuiltTable {
  BuiltTable(config::EndpointUrl second, std::size_t workers) : cells(workers) {
    config::Model& model = config.models.emplace_back();
    model.name = "m";
    model.match.push_back({.path_prefix = "/", .host = {}, .header_name = {}, .header_value = {}});
    model.stable = {"m_v1", {{"127.0.0.1", 1}, std::move(second)}};
    model.canary.emplace();
    model.canary->name = "m_v2";
    model.canary->endpoints = {{"127.0.0.1", 3}};
  }
  template <class Lookup>
  void build(const Lookup& lookup) {
    table = traffic::build_table(config, {}, lookup, registry, cells, ++generation);
  }

  config::Config config;
  traffic::EndpointRegistry registry;
  stats::Registry cells;
  std::uint64_t generation = 0;
  std::shared_ptr<const traffic::RoutingTable> table;
};

}  // namespace canary::control

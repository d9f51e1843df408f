#include "upstream/endpoint_book.hpp"

namespace canary::upstream {
namespace {

template <class F>
void for_each_endpoint(const traffic::Model& model, F&& f) {
  for (const traffic::Endpoint& endpoint : model.stable.endpoints) f(endpoint);
  if (!model.canary) return;
  for (const traffic::Endpoint& endpoint : model.canary->endpoints) f(endpoint);
}

}  // namespace

void EndpointBook::follow(const traffic::RoutingTable& table) {
  ++tables_;
  if (entries_.size() < table.endpoint_slots) entries_.resize(table.endpoint_slots);
  const auto enter = [&](const traffic::Endpoint& endpoint) {
    Entry& entry = entries_[endpoint.id.slot];
    if (entry.serial != endpoint.id.serial) {
      entry = Entry{};
      entry.serial = endpoint.id.serial;
    }
    entry.table = tables_;
  };
  for (const traffic::Model& model : table.models) for_each_endpoint(model, enter);
  for (Entry& entry : entries_)
    if (entry.serial != 0 && entry.table != tables_) entry = Entry{};
}

void EndpointBook::hasten(const traffic::Model& model, MonoTime now) {
  for_each_endpoint(model, [&](const traffic::Endpoint& endpoint) {
    if (Entry* entry = find(endpoint.id)) entry->ejection.hasten(now);
  });
}

}  // namespace canary::upstream

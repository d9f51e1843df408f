// What one worker knows of the endpoints of its present table: how many requests it has in flight
// there, and whether they are ejected. It stands under a slot that traffic/endpoint_registry gives
// away again when no table has the endpoint any more. One per worker; one thread; reads no clock.
#pragma once

#include <cstdint>
#include <vector>

#include "traffic/routing_table.hpp"
#include "upstream/ejection.hpp"

namespace canary::upstream {

class EndpointBook {
 public:
  /// One endpoint of the present table.
  struct Entry {
    std::uint32_t serial = 0;     // of the endpoint that has the slot; 0: none
    std::uint32_t in_flight = 0;  // streams that requests hold
    std::uint64_t table = 0;      // the last one, by tables_, that has it
    Ejection ejection;
  };

  /// Knows the table's endpoints from now on, and no other.
  void follow(const traffic::RoutingTable& table);
  /// nullptr when the present table does not have the endpoint. Valid until follow().
  Entry* find(traffic::EndpointId id) {
    if (id.slot >= entries_.size() || entries_[id.slot].serial != id.serial) return nullptr;
    return &entries_[id.slot];
  }
  std::size_t slots() const { return entries_.size(); }
  /// The serial of the endpoint that has this slot; 0: none.
  std::uint32_t serial(std::size_t slot) const { return entries_[slot].serial; }

  /// Each of the model's endpoints that is ejected is tried by the next request: there is reason to
  /// think that they are back. `now`: the shared time, which ejections go by.
  void hasten(const traffic::Model& model, MonoTime now);

 private:
  std::vector<Entry> entries_;  // by EndpointId::slot
  std::uint64_t tables_ = 0;
};

}  // namespace canary::upstream

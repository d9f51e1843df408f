// A worker's own handle on the routing table. Requests in flight pin the table they were routed by;
// the count is the worker's alone, so that pinning costs no atomic operation shared with others.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "traffic/routing_table.hpp"

namespace canary::call {

struct LocalTable {
  std::shared_ptr<const traffic::RoutingTable> table;
  std::uint32_t pins = 0;
};

class TablePin {
 public:
  TablePin() = default;
  explicit TablePin(LocalTable* local) : local_(local) { ++local_->pins; }
  TablePin(TablePin&& other) noexcept : local_(std::exchange(other.local_, nullptr)) {}
  TablePin& operator=(TablePin&& other) noexcept {
    std::swap(local_, other.local_);
    return *this;
  }
  ~TablePin() {
    if (local_ && --local_->pins == 0) delete local_;
  }

  explicit operator bool() const { return local_ != nullptr; }
  const traffic::RoutingTable& operator*() const { return *local_->table; }
  const traffic::RoutingTable* operator->() const { return local_->table.get(); }
  /// Whether both pin the same table.
  bool operator==(const TablePin& other) const { return local_ == other.local_; }
  TablePin again() const { return TablePin(local_); }

 private:
  LocalTable* local_ = nullptr;
};

}  // namespace canary::call

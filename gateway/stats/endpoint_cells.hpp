// What the workers know of one endpoint: a cell per worker, written by that worker alone, read by
// control. Shared by the routing tables that name the endpoint; goes with the last of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "base/clock.hpp"
#include "stats/cells.hpp"

namespace canary::stats {

struct alignas(64) EndpointCell {
  Counter ejections;          // times that this worker took the endpoint out
  std::atomic<int> error{0};  // errno of the last connect that failed
  // While it is out, as nanoseconds of the monotonic clock: when a connect last failed, and when
  // the next request will try it; 0: it is in use.
  std::atomic<std::int64_t> failed_at{0}, retry_at{0};
  void out(base::MonoTime failed, base::MonoTime retry) {
    failed_at.store(failed.time_since_epoch().count(), std::memory_order_relaxed);
    retry_at.store(retry.time_since_epoch().count(), std::memory_order_relaxed);
  }
  void in_use() { retry_at.store(0, std::memory_order_relaxed); }
};

class EndpointCells {
 public:
  explicit EndpointCells(std::size_t workers) : cells_(workers) {}
  EndpointCell& at(std::size_t worker) { return cells_[worker]; }
  const std::vector<EndpointCell>& all() const { return cells_; }

 private:
  std::vector<EndpointCell> cells_;
};

}  // namespace canary::stats

// What a worker lends to its calls: the table in force, the time, chance, and what it knows of the
// endpoints. One per worker; one thread. It knows no wire.
#pragma once

#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "call/access_lines.hpp"
#include "call/table_pin.hpp"
#include "reactor/loop_time.hpp"
#include "stats/cells.hpp"
#include "traffic/model_version.hpp"
#include "upstream/endpoint_book.hpp"

namespace canary::call {

using base::Duration;
using base::MonoTime;

class Context {
 public:
  /// `time` and `refused` outlive it.
  Context(std::size_t worker, const reactor::LoopTime& time, stats::CodeCounters& refused,
          std::shared_ptr<const traffic::RoutingTable> table, log::AccessLogWriter* access_log);

  /// Calls pick by this table from now on; those that have picked keep theirs.
  void install(std::shared_ptr<const traffic::RoutingTable> table);
  TablePin table() { return TablePin(current_); }
  const traffic::RoutingTable& in_force() const { return *current_->table; }

  MonoTime now() const { return time_.now(); }
  const reactor::LoopTime& time() const { return time_; }
  base::WallTime wall() const {
    return base::WallTime(time_.shared_now().time_since_epoch() + wall_offset);
  }
  /// Whether a server that was asked at `since` may have lost patience with the gateway itself: the
  /// process was paused meanwhile, and has gone on only just now.
  bool kept_waiting(MonoTime since) const;

  const std::size_t worker;
  stats::CodeCounters& refused;  // answered before a version was picked, by status
  base::Random random;
  upstream::EndpointBook endpoints;
  AccessLines access;
  std::shared_ptr<const traffic::VersionAnswers> answers;
  Duration wall_offset{};  // wall time minus monotonic time, read once per second

  // Scratch, never valid across a wait.
  std::string text;  // a refusal's message
  std::string line;  // an access-log line

 private:
  const reactor::LoopTime& time_;
  LocalTable* current_;
  TablePin pin_;
};

}  // namespace canary::call

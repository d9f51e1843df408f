#include "call/context.hpp"

namespace canary::call {
namespace {

// After a pause, what a server had sent before it gave up is read before its end shows.
constexpr Duration pause_shows = std::chrono::seconds(1);

}  // namespace

Context::Context(std::size_t worker, const reactor::LoopTime& time, stats::CodeCounters& refused,
                 std::shared_ptr<const traffic::RoutingTable> table,
                 log::AccessLogWriter* access_log)
    : worker(worker),
      refused(refused),
      random(base::random_seed()),
      access(access_log),
      time_(time),
      current_(new LocalTable{std::move(table)}),
      pin_(current_) {
  endpoints.follow(*current_->table);
}

void Context::install(std::shared_ptr<const traffic::RoutingTable> table) {
  const auto before = current_->table;
  current_ = new LocalTable{std::move(table)};
  pin_ = TablePin(current_);
  endpoints.follow(*current_->table);
  // A canary that gets weight again is tried anew, not charged with a back-off from before.
  for (const traffic::Model& model : current_->table->models)
    if (model.canary_weight > 0 && !before->gives_weight(model.name, model.canary->name))
      endpoints.hasten(model, time_.shared_now());
}

bool Context::kept_waiting(MonoTime since) const {
  return time_.paused_within(pause_shows) && since <= time_.resumed_at();
}

}  // namespace canary::call

#include "control/publisher.hpp"

#include <algorithm>
#include <utility>

namespace canary::control {

void Publisher::publish(const config::Config& config,
                        const std::map<std::string, base::BasisPoints>& weights,
                        const traffic::Lookup& lookup, std::function<void()> in_force) {
  const auto before = std::exchange(
      table_, traffic::build_table(config, weights, lookup, endpoints_, registry_, ++published_));
  mark(before.get());
  waiting_.emplace_back(published_, std::move(in_force));
  data_plane_.publish(table_, [this, alive = std::weak_ptr(alive_), table = table_] {
    if (alive.lock()) applied(*table);
  });
}

// What workers are to know of the versions before they have the table.
void Publisher::mark(const traffic::RoutingTable* before) const {
  const auto look_at_names = [this](const traffic::Version& version) {
    stats::RequestCells& cells = *version.stats->requests;
    const bool nameless = cells.nameless_since() != base::MonoTime{};
    if (version.endpoints.empty() == nameless) return;
    cells.set_nameless_since(nameless ? base::MonoTime{} : clock_.shared());
  };
  for (const traffic::Model& model : table_->models) {
    look_at_names(model.stable);
    if (!model.canary) continue;
    look_at_names(*model.canary);
    const bool had_weight = before && before->gives_weight(model.name, model.canary->name);
    if (model.canary_weight > 0 && !had_weight) model.canary->stats->requests->begin_episode();
  }
}

void Publisher::when_in_force(std::function<void()> then) {
  if (in_force_ == published_) return then();
  waiting_.emplace_back(published_, std::move(then));
}

void Publisher::applied(const traffic::RoutingTable& table) {
  if (table.generation <= in_force_) return;
  in_force_ = table.generation;
  answers_ = traffic::render_model_version(table);
  data_plane_.announce(answers_);
  // Those who are told may publish again: they are taken out first.
  const auto due = std::stable_partition(waiting_.begin(), waiting_.end(),
                                         [this](const auto& w) { return w.first > in_force_; });
  std::vector<std::pair<std::uint64_t, std::function<void()>>> ready(
      std::make_move_iterator(due), std::make_move_iterator(waiting_.end()));
  waiting_.erase(due, waiting_.end());
  for (auto& [generation, tell] : ready)
    if (tell) tell();
}

}  // namespace canary::control

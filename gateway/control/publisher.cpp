#include "control/publisher.hpp"

#include <algorithm>
#include <utility>

namespace canary::control {
namespace {

bool has_weight(const traffic::RoutingTable& table, const traffic::Model& model) {
  return std::any_of(table.models.begin(), table.models.end(), [&](const traffic::Model& each) {
    return each.name == model.name && each.canary_weight > 0 &&
           each.canary->name == model.canary->name;
  });
}

}  // namespace

void Publisher::publish(const config::Config& config,
                        const std::map<std::string, base::BasisPoints>& weights,
                        const traffic::Lookup& lookup, std::function<void()> in_force) {
  const auto before = std::exchange(
      table_, traffic::build_table(config, weights, lookup, endpoints_, registry_, ++published_));
  for (const traffic::Model& model : table_->models)
    if (model.canary_weight > 0 && !(before && has_weight(*before, model)))
      model.canary->stats->requests->begin_episode();
  waiting_.emplace_back(published_, std::move(in_force));
  data_plane_.publish(table_, [this, alive = std::weak_ptr(alive_), table = table_] {
    if (alive.lock()) applied(*table);
  });
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

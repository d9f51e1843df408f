#include "control/figures.hpp"

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace canary::control {
namespace {

// In which a sum that only grows older is not written.
constexpr base::Duration idle_write = std::chrono::minutes(10);

// `ok=12 server_error=1`: by name, so that a later release may have other outcomes.
std::string outcomes_text(const stats::Evidence& seen) {
  std::string out;
  for (std::size_t i = 0; i < stats::outcome_count; ++i)
    if (seen.by_outcome[i] > 0)
      out += (out.empty() ? "" : " ") + std::string(name(static_cast<stats::Outcome>(i))) + "=" +
             std::to_string(seen.by_outcome[i]);
  return out;
}

void read_outcomes(const std::string& text, stats::Evidence& seen) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) continue;
    for (std::size_t i = 0; i < stats::outcome_count; ++i)
      if (name(static_cast<stats::Outcome>(i)) == word.substr(0, equals))
        seen.by_outcome[i] = std::strtoull(word.c_str() + equals + 1, nullptr, 10);
  }
}

store::FigureRow row_of(const Figure& figure) {
  return {figure.model,
          figure.canary,
          figure.attempt,
          figure.phase,
          figure.version,
          figure.seen.requests,
          figure.seen.errors,
          outcomes_text(figure.seen),
          figure.seen.latency.to_text(),
          figure.served,
          figure.first,
          figure.last};
}

Figure figure_of(const store::FigureRow& row) {
  Figure figure{row.model, row.canary, row.attempt, row.phase, row.version,
                {},        row.served, row.first,   row.last};
  figure.seen.requests = row.requests;
  figure.seen.errors = std::min(row.errors, row.requests);
  read_outcomes(row.outcomes, figure.seen);
  figure.seen.latency = stats::Histogram::Snapshot::from_text(row.latency);
  return figure;
}

}  // namespace

Figures::Figures(const base::Clock& clock, const stats::Registry& registry,
                 const std::vector<store::FigureRow>& remembered)
    : clock_(clock), registry_(registry) {
  for (const auto& row : remembered) {
    Sum sum{figure_of(row), false, row.served};
    sums_.insert_or_assign(id_of(sum.figure), std::move(sum));
  }
}

Figures::Id Figures::id_of(const Figure& figure) {
  return {figure.model, figure.canary, figure.attempt, figure.phase, figure.version};
}

Figures::Place Figures::place_of(const config::Model& model, const Rollouts& rollouts) {
  Place place;
  place.versions.push_back(model.stable.name);
  if (!model.canary) return place;
  place.versions.push_back(model.canary->name);
  place.canary = model.canary->name;
  if (const Rollout* rollout = rollouts.find(key_of(model))) {
    place.attempt = rollout->state.attempt;
    place.phase = rollout->state.phase;
  }
  return place;
}

void Figures::look(const config::Config& config, const Rollouts& rollouts) {
  for (const auto& [model, place] : places_) charge(model, place);
  places_.clear();
  for (const auto& model : config.models) {
    Place& place = places_[model.name] = place_of(model, rollouts);
    place.since = clock_.mono();
  }
  forget_oldest();
}

void Figures::charge(const std::string& model, const Place& place) {
  const base::Duration passed = clock_.mono() - place.since;
  for (const auto& version : registry_.all()) {
    const auto& versions = place.versions;
    if (version->model != model ||
        std::find(versions.begin(), versions.end(), version->version) == versions.end())
      continue;
    const stats::Evidence news = news_of(*version);
    Figure figure{model, place.canary, place.attempt, place.phase, version->version, {}, {}, {},
                  {}};
    Sum& sum = sums_[id_of(figure)];
    if (sum.figure.model.empty()) {
      sum.figure = std::move(figure);
      sum.figure.first =
          clock_.wall() - std::chrono::duration_cast<base::WallTime::duration>(passed);
    }
    sum.news = sum.news || news.by_outcome != stats::Evidence{}.by_outcome;
    sum.figure.seen.add(news);
    sum.figure.served += passed;
    sum.figure.last = clock_.wall();
  }
}

/// What was counted since the last look. New latency bounds begin other cells: then what the
/// earlier ones got last is added.
stats::Evidence Figures::news_of(const stats::VersionStats& version) {
  Counted& counted = counted_[{version.model, version.version}];
  stats::Evidence news;
  if (counted.epoch && counted.epoch != version.latency) {
    stats::VersionStats earlier = version;
    earlier.latency = counted.epoch;
    const stats::Evidence last = sample(earlier);
    news = last.since(counted.until);
    counted.until = last;
    counted.until.latency = {};
    counted.until.latency_samples = counted.until.over_slo = counted.until.over_trigger = 0;
  }
  counted.epoch = version.latency;
  stats::Evidence present = sample(version);
  news.add(present.since(counted.until));
  counted.until = std::move(present);
  return news;
}

void Figures::forget_oldest() {
  while (sums_.size() > store::figure_capacity)
    sums_.erase(std::min_element(sums_.begin(), sums_.end(), [](const auto& a, const auto& b) {
      return a.second.figure.last < b.second.figure.last;
    }));
}

std::vector<store::FigureRow> Figures::take_unsaved(bool all) {
  std::vector<store::FigureRow> rows;
  for (auto& [id, sum] : sums_) {
    const base::Duration aged = sum.figure.served - sum.written;
    if (!sum.news && aged < (all ? base::Duration(1) : idle_write)) continue;
    sum.news = false;
    sum.written = sum.figure.served;
    rows.push_back(row_of(sum.figure));
  }
  return rows;
}

void Figures::put_back(const std::vector<store::FigureRow>& rows) {
  for (const auto& row : rows) {
    const auto found = sums_.find({row.model, row.canary, row.attempt, row.phase, row.version});
    if (found != sums_.end()) found->second.news = true;
  }
}

std::vector<Figure> Figures::of(const std::string& model, const std::string& canary) const {
  std::vector<Figure> figures;
  for (const auto& [id, sum] : sums_)
    if (sum.figure.model == model && sum.figure.canary == canary) figures.push_back(sum.figure);
  return figures;
}

}  // namespace canary::control

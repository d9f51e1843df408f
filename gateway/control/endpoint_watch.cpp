#include "control/endpoint_watch.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "log/log.hpp"

namespace canary::control {
namespace {

// An endpoint that flaps is told of once in so long.
constexpr base::Duration quiet = std::chrono::seconds(10);
// So long behind its back-off, an ejected endpoint that no request has tried is not known to be
// out.
constexpr base::Duration untried = std::chrono::seconds(30);

struct Ejected {
  std::size_t workers = 0, of = 0;
  int error = 0;
  std::uint64_t times = 0;
};

/// Whether the worker gives it no requests. Where there are none that could try it again, nobody
/// knows how it is; and what a probe found later than the last request is what counts.
bool is_out(const stats::EndpointCell& cell, const traffic::Endpoint& endpoint,
            base::MonoTime now) {
  const auto retry_at = cell.retry_at.load(std::memory_order_relaxed);
  if (retry_at == 0 || now > base::MonoTime(base::Duration(retry_at)) + untried) return false;
  return !endpoint.health || endpoint.health->answered.load(std::memory_order_relaxed) <=
                                 cell.failed_at.load(std::memory_order_relaxed);
}

/// By how many workers, for a model that ejects at all.
Ejected ejected(const traffic::Model& model, const traffic::Endpoint& endpoint,
                base::MonoTime now) {
  Ejected sum;
  sum.of = endpoint.cells->all().size();
  const bool ejects = model.settings.health.eject_after_failures > 0;
  for (const auto& cell : endpoint.cells->all()) {
    sum.times += cell.ejections.get();
    if (!ejects || !is_out(cell, endpoint, now)) continue;
    ++sum.workers;
    sum.error = cell.error.load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace

std::string_view name(EndpointState state) {
  switch (state) {
    case EndpointState::healthy:
      return "healthy";
    case EndpointState::unhealthy:
      return "unhealthy";
    case EndpointState::ejected:
      return "ejected";
    case EndpointState::unresolved:
      return "unresolved";
    case EndpointState::refused:
      return "refused";
  }
  return "healthy";
}

bool EndpointWatch::Told::due(bool now_out, base::MonoTime now) const {
  return out != now_out && (at == base::MonoTime{} || now - at >= quiet);
}

template <class F>
void EndpointWatch::for_each(F&& f) const {
  if (!table_) return;
  for (const auto& model : table_->models) {
    for (const auto& endpoint : model.stable.endpoints) f(Place{model, model.stable, endpoint});
    if (!model.canary) continue;
    for (const auto& endpoint : model.canary->endpoints) f(Place{model, *model.canary, endpoint});
  }
}

void EndpointWatch::follow(std::shared_ptr<const traffic::RoutingTable> table) {
  for_each([this](const Place& place) { count(place); });  // before they are forgotten
  table_ = std::move(table);
  std::set<Key> present;
  std::set<Url> urls;
  models_.clear();
  for (const auto& model : table_->models) {
    models_[model.name] = &model;
    const auto enter = [&](const config::Version& version) {
      for (const auto& url : version.endpoints) {
        const Url key{model.name, version.name, url.to_string()};
        urls.insert(key);
        EndpointCount& count = counts_[key];
        std::tie(count.model, count.version, count.url) = key;
        count.probed = !model.settings.health.path.empty();
      }
    };
    enter(model.settings.stable);
    if (model.settings.canary) enter(*model.settings.canary);
  }
  for_each([&](const Place& place) {
    present.insert({place.model.name, place.version.name, place.endpoint.id.serial});
  });
  std::erase_if(known_, [&](const auto& each) { return !present.contains(each.first); });
  std::erase_if(counts_, [&](const auto& each) { return !urls.contains(each.first); });
}

void EndpointWatch::tick() {
  const auto now = clock_.shared();
  for_each([&](const Place& place) {
    count(place);
    Known& known = known_[{place.model.name, place.version.name, place.endpoint.id.serial}];
    tell_probed(place, known.probed, now);
    tell_ejected(place, known.ejected, now);
  });
}

// What has come since the last look, added to the sum of the URL, which outlives its addresses.
void EndpointWatch::count(const Place& place) {
  const auto [model, version, endpoint] = place;
  Known& known = known_[{model.name, version.name, endpoint.id.serial}];
  EndpointCount& sum = counts_[{model.name, version.name, endpoint.url}];
  Seen now;
  now.ejections = ejected(model, endpoint, {}).times;
  if (const auto* probed = probes_.find(model, version, endpoint)) {
    now.succeeded = probed->succeeded;
    now.failed = probed->failed;
    now.changes = probed->changes;
  }
  const auto news = [](std::uint64_t value, std::uint64_t before) {
    return value > before ? value - before : 0;
  };
  sum.ejections += news(now.ejections, known.seen.ejections);
  sum.probes_succeeded += news(now.succeeded, known.seen.succeeded);
  sum.probes_failed += news(now.failed, known.seen.failed);
  known.ejected.times += news(now.ejections, known.seen.ejections);
  known.probed.times += news(now.changes, known.seen.changes);
  known.seen = now;
}

void EndpointWatch::tell_probed(const Place& place, Told& told, base::MonoTime now) const {
  const auto [model, version, endpoint] = place;
  const auto* probed = probes_.find(model, version, endpoint);
  const bool out = probed != nullptr && !probed->verdict.healthy;
  if (!told.due(out, now)) return;
  if (out)
    log::warn("endpoint_unhealthy", {{"model", model.name},
                                     {"version", version.name},
                                     {"endpoint", endpoint.url},
                                     {"address", endpoint.address.to_string()},
                                     {"reason", probed->problem},
                                     {"changes", told.times}});
  else
    log::info("endpoint_healthy", {{"model", model.name},
                                   {"version", version.name},
                                   {"endpoint", endpoint.url},
                                   {"address", endpoint.address.to_string()},
                                   {"changes", told.times}});
  told = {out, now, 0};
}

void EndpointWatch::tell_ejected(const Place& place, Told& told, base::MonoTime now) {
  const auto [model, version, endpoint] = place;
  const Ejected sum = ejected(model, endpoint, now);
  const bool out = sum.workers > 0;
  if (!told.due(out, now)) return;
  if (out)
    log::warn("endpoint_ejected", {{"model", model.name},
                                   {"version", version.name},
                                   {"endpoint", endpoint.url},
                                   {"address", endpoint.address.to_string()},
                                   {"reason", std::strerror(sum.error)},
                                   {"workers", sum.workers},
                                   {"times", told.times}});
  else
    log::info("endpoint_returned", {{"model", model.name},
                                    {"version", version.name},
                                    {"endpoint", endpoint.url},
                                    {"address", endpoint.address.to_string()},
                                    {"times", told.times}});
  told = {out, now, 0};
}

EndpointView EndpointWatch::view_of(const Place& place) const {
  const auto [model, version, endpoint] = place;
  EndpointView view{endpoint.url, endpoint.address.to_string(), EndpointState::healthy, {}};
  const auto* probed = probes_.find(model, version, endpoint);
  const Ejected out = ejected(model, endpoint, clock_.shared());
  if (probed != nullptr && !probed->verdict.healthy) {
    view.state = EndpointState::unhealthy;
    const bool mends = probed->problem.empty();
    // Behind `?` may be a secret.
    const std::string& target = probed->probe.target;
    view.reason = "probes of " + target.substr(0, target.find('?')) +
                  (mends ? " succeed, but not often enough yet" : " fail: " + probed->problem);
  } else if (out.workers > 0) {
    view.state = EndpointState::ejected;
    view.reason = "by " + std::to_string(out.workers) + " of " + std::to_string(out.of) +
                  " workers: " + std::strerror(out.error);
  }
  return view;
}

std::vector<EndpointView> EndpointWatch::view(const config::Model& model,
                                              const config::Version& version,
                                              const Resolver& resolver, const OwnGuard& own) const {
  std::vector<EndpointView> views;
  const auto found = models_.find(model.name);
  if (found == models_.end()) return views;
  const traffic::Model& built = *found->second;
  const bool stable = built.stable.name == version.name;
  if (!stable && !built.canary) return views;
  const traffic::Version& in_table = stable ? built.stable : *built.canary;
  for (const auto& url : version.endpoints) {
    const std::string text = url.to_string();
    const std::size_t before = views.size();
    for (const auto& endpoint : in_table.endpoints)
      if (endpoint.url == text) views.push_back(view_of({built, in_table, endpoint}));
    for (const auto& address : own.refused(url))
      views.push_back({text, address.to_string(), EndpointState::refused,
                       "it is this gateway's own listener; no request is sent there"});
    if (views.size() == before)
      views.push_back({text, "", EndpointState::unresolved, resolver.problem(url)});
  }
  return views;
}

std::vector<EndpointCount> EndpointWatch::counts() const {
  std::vector<EndpointCount> out;
  out.reserve(counts_.size());
  for (const auto& [url, count] : counts_) out.push_back(count);
  return out;
}

}  // namespace canary::control

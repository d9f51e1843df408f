#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <ostream>

#include "rehearsal/render.hpp"

namespace canary::rehearsal {
namespace {

namespace json = boost::json;

/// 10, not 1E1.
json::value number(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (std::abs(value) < 1e15 && value == std::floor(value)) return static_cast<std::int64_t>(value);
  return value;
}

json::value seconds(base::Duration duration) {
  return number(std::chrono::duration<double>(duration).count());
}

json::value percent(base::BasisPoints weight) { return number(base::percent(weight)); }

std::string_view name(Moment::Kind kind) {
  switch (kind) {
    case Moment::Kind::event:
      return "event";
    case Moment::Kind::answer:
      return "refused";
    case Moment::Kind::entry:
      return "entry";
    case Moment::Kind::notice:
      return "notice";
  }
  return "event";
}

json::object reading_object(const analysis::Reading& reading) {
  return {{"criterion", reading.criterion}, {"verdict", analysis::name(reading.verdict)},
          {"value", number(reading.value)}, {"success", number(reading.success_limit)},
          {"limit", number(reading.limit)}, {"samples", reading.samples},
          {"reason", reading.reason}};
}

json::object moment_object(const Moment& moment) {
  json::object out{{"seconds", seconds(moment.at)},
                   {"type", name(moment.kind)},
                   {"what", moment.what},
                   {"reason", moment.reason}};
  if (!moment.model.empty()) out["model"] = moment.model;
  if (moment.kind != Moment::Kind::entry) return out;
  out["actor"] = moment.actor;
  out["before"] = percent(moment.before);
  out["after"] = percent(moment.after);
  out["phase"] = moment.phase;
  out["status"] = moment.status;
  if (!moment.trigger.empty()) {
    out["trigger"] = moment.trigger;
    out["mode"] = moment.mode;
  }
  if (moment.reading) out["reading"] = reading_object(*moment.reading);
  return out;
}

json::object totals_object(const std::string& version, const Totals& totals) {
  return {{"version", version},
          {"requests", totals.requests},
          {"errors", totals.errors},
          {"failovers", totals.failovers}};
}

json::object model_object(const ModelStory& model) {
  json::array weights, versions;
  for (const auto& [version, totals] : model.versions)
    versions.push_back(totals_object(version, totals));
  for (const auto& snapshot : model.snapshots)
    weights.push_back(json::object{{"seconds", seconds(snapshot.at)},
                                   {"weight", percent(snapshot.weight)},
                                   {"limited_by", snapshot.limited_by},
                                   {"status", snapshot.status},
                                   {"phase", snapshot.phase},
                                   {"latched", snapshot.latched},
                                   {"gateway_down", snapshot.gateway_down},
                                   {"reason", snapshot.reason}});
  return {{"name", model.model},
          {"stable", model.stable},
          {"canary", model.canary},
          {"versions", std::move(versions)},
          {"course", std::move(weights)}};
}

}  // namespace

void write_json(const Story& story, const Titles& titles, std::ostream& out) {
  json::array timeline, models, expectations;
  for (const auto& moment : story.moments) timeline.push_back(moment_object(moment));
  for (const auto& model : story.models) models.push_back(model_object(model));
  bool met = true;
  for (const auto& verdict : story.verdicts) {
    met = met && verdict.met;
    json::object object{{"line", verdict.expectation->place.line},
                        {"expected", verdict.expected},
                        {"met", verdict.met}};
    if (!verdict.met) object["instead"] = verdict.instead;
    expectations.push_back(std::move(object));
  }
  const json::object document{{"config", titles.config},
                              {"scenario", titles.scenario},
                              {"title", titles.title},
                              {"seed", story.seed},
                              {"simulated_seconds", seconds(story.length)},
                              {"ended_early", story.ended_early},
                              {"unanswered_requests", story.missed},
                              {"ok", met},
                              {"models", std::move(models)},
                              {"timeline", std::move(timeline)},
                              {"expectations", std::move(expectations)}};
  out << json::serialize(document) << "\n";
}

}  // namespace canary::rehearsal

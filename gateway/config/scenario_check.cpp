// Scenario: rules about several keys at once, and what the configuration has to say.
#include <algorithm>

#include "config/scenario_parse.hpp"

namespace canary::config {
namespace {

class Check {
 public:
  Check(Scenario& scenario, const Config& config, Report& report)
      : scenario_(scenario), config_(config), report_(report) {}

  void operator()() {
    models();
    for (std::size_t i = 0; i < scenario_.events.size(); ++i)
      event(scenario_.events[i], "events[" + std::to_string(i) + "]");
    for (std::size_t i = 0; i < scenario_.expectations.size(); ++i)
      expectation(scenario_.expectations[i], "expect[" + std::to_string(i) + "]");
  }

 private:
  std::vector<std::string> with_canary() const {
    std::vector<std::string> names;
    for (const auto& model : config_.models)
      if (model.canary) names.push_back(model.name);
    return names;
  }

  static std::string list(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) (out += out.empty() ? "" : ", ") += name;
    return out.empty() ? "a model with a canary, but the configuration has none" : out;
  }

  void models() {
    const auto known = with_canary();
    for (auto& model : scenario_.models) {
      const bool alone = !report_.was_seen("models");
      const std::string path = alone ? "model" : "models." + shown_name(model.name);
      if (model.name.empty()) {
        if (known.size() == 1) {
          model.name = known.front();
        } else {
          report_.error_at(path, "no model's name", "`model`, one of " + list(known));
          continue;
        }
      } else if (std::find(known.begin(), known.end(), model.name) == known.end()) {
        report_.error_at(path, shown_name(model.name),
                         "a model of the configuration that has a canary: " + list(known));
        continue;
      }
      const std::string prefix = alone ? "" : path + ".";
      if (!model.begin.requests_per_second && report_.sound({prefix + "requests_per_second"}))
        report_.error_at(prefix + "requests_per_second", "nothing",
                         "the model's requests per second, 0 or more");
      // One without the other could not be compared.
      const bool stable = model.begin.stable.quality_error.has_value();
      if (stable != model.begin.canary.quality_error.has_value())
        report_.error_at(prefix + (stable ? "canary" : "stable") + ".quality", "nothing",
                         "the mean error of both versions, or of none");
    }
  }

  /// Names the only model where none is named.
  void name_model(std::string& name, const std::string& path, bool needed) {
    const auto same = [&](const ModelScript& model) { return model.name == name; };
    if (name.empty() && scenario_.models.size() == 1) name = scenario_.models.front().name;
    if (name.empty() && !needed) return;
    std::vector<std::string> names;
    for (const auto& model : scenario_.models) names.push_back(model.name);
    if (name.empty())
      report_.error_at(path + ".model", "no model's name", "one of " + list(names));
    else if (std::none_of(scenario_.models.begin(), scenario_.models.end(), same))
      report_.error_at(path + ".model", shown_name(name),
                       "a model of this scenario: " + list(names));
  }

  void within(const std::optional<Duration>& time, const std::string& path) {
    if (time && scenario_.duration && *time > *scenario_.duration)
      report_.error_at(
          path, base::format_duration(*time),
          "a time within the scenario's duration, " + base::format_duration(*scenario_.duration));
  }

  const ModelScript* script(const std::string& name) const {
    for (const auto& model : scenario_.models)
      if (model.name == name) return &model;
    return nullptr;
  }

  void event(Event& event, const std::string& path) {
    const bool of_model = event.change || !event.acts.empty() ||
                          (event.file && event.file->path.empty() && event.file->text.empty());
    name_model(event.model, path, of_model);
    within(event.at, path + ".at");
    if (!of_model && !event.file && !event.outage && !event.disk_full && report_.sound({path}))
      report_.error_at(path, "nothing that happens",
                       "a change (requests_per_second, stable, canary, both), an act of a person, "
                       "file, gateway or disk");
    if (event.until && event.every == 0s)
      report_.error_at(path + ".until", "no `every`", "an event that is repeated");
    if (event.over > 0s && !event.change)
      report_.error_at(path + ".over", "no change", "a change that takes its time");
    if (event.every > 0s && event.over > event.every)
      report_.error_at(path + ".over", base::format_duration(event.over),
                       "at most `every`, " + base::format_duration(event.every));
    const ModelScript* model = script(event.model);
    if (!event.change || !model) return;
    const auto scripted = [&](const Behaviour& change, const char* version) {
      if ((change.quality_error || change.labels || change.labels_per_second) &&
          !model->begin.stable.quality_error)
        report_.error_at(path + "." + version + ".quality", "a quality",
                         "the quality of both versions at the beginning, too");
    };
    scripted(event.change->stable, "stable");
    scripted(event.change->canary, "canary");
  }

  void expectation(Expectation& expectation, const std::string& path) {
    name_model(expectation.model, path, expectation.kind != Expectation::Kind::told);
    within(expectation.at, path + ".at");
    within(expectation.after, path + ".after");
    if (expectation.after && expectation.before && *expectation.after > *expectation.before)
      report_.error_at(path + ".before", base::format_duration(*expectation.before),
                       "a time behind `after`, " + base::format_duration(*expectation.after));
    const bool says = expectation.status || expectation.weight || expectation.phase ||
                      expectation.latched || expectation.limited_by || !expectation.reason.empty();
    if (expectation.kind == Expectation::Kind::at && !says && report_.sound({path}))
      report_.error_at(path, "only a time",
                       "what is expected then: status, weight, phase, latched, limited_by, reason");
  }

  Scenario& scenario_;
  const Config& config_;
  Report& report_;
};

}  // namespace

void check_scenario(Scenario& scenario, const Config& config, Report& report) {
  Check(scenario, config, report)();
}

}  // namespace canary::config

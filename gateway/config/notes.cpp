#include "config/notes.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/units.hpp"
#include "config/address.hpp"

namespace canary::config {
namespace {

constexpr double log_line_bytes = 400;

class Notes {
 public:
  Notes(const Report& report, std::vector<Note>& out) : report_(report), out_(out) {}
  void add(std::string key, std::string text) { out_.push_back({std::move(key), std::move(text)}); }
  bool chosen(const std::string& key) const { return report_.was_seen(key); }

 private:
  const Report& report_;
  std::vector<Note>& out_;
};

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// Rounded up to two digits: `3.4 requests/s`, `170 requests/s`, `12 requests/min`.
std::string rate_text(double per_second) {
  const auto up = [](double value) {
    const double step = value < 10 ? 0.1 : std::pow(10, std::floor(std::log10(value)) - 1);
    return base::format_number(std::ceil(value / step - 1e-9) * step, 3);
  };
  if (per_second >= 1) return up(per_second) + " requests/s";
  return up(std::max(per_second * 60, 0.1)) + " requests/min";
}

// The first weight at which the canary is to be judged; 0: none is known from the file.
BasisPoints first_weight(const Model& model) {
  const BasisPoints ceiling = model.canary->rollout_percentage;
  if (!model.plan || model.plan->phases.empty()) return ceiling;
  return std::min(ceiling, model.plan->phases.front().percentage);
}

void note_judge(const Model& model, const std::string& path, Notes& notes) {
  const BasisPoints weight = first_weight(model);
  if (weight == 0) return;
  const double share = weight / static_cast<double>(base::full_weight);
  const auto needed = static_cast<double>(model.judge.min_samples);
  const std::string samples = std::to_string(model.judge.min_samples);
  const std::string at = "at " + base::format_percent(weight) + "% ";
  notes.add(path + ".judge",
            at + "the canary is judged from " +
                rate_text(needed / seconds(model.judge.window) / share) +
                " of the model on (min_samples " + samples + " in window " +
                base::format_duration(model.judge.window) +
                "); with less traffic no phase ends, and errors and latency roll nothing back: "
                "lengthen the window");
  if (!notes.chosen(path + ".warm_up"))
    notes.add(path + ".warm_up",
              at + "from " + rate_text(needed / share) +
                  " of the model on, the canary is judged by its first second: set a duration for "
                  "a server that starts slowly");
  const auto failed = std::floor(needed * model.triggers.error_rate * (1 + 1e-9)) + 1;
  if (failed <= 2 && !notes.chosen(path + ".judge.min_samples"))
    notes.add(path + ".judge.min_samples",
              base::format_number(failed, 3) + " failed of " + samples +
                  " requests are above triggers.error_rate (" +
                  base::format_number(model.triggers.error_rate * 100, 4) +
                  "%) and roll the canary back: raise min_samples where single failures are "
                  "normal");
}

void note_limits(const Model& model, const std::string& path, Notes& notes) {
  if (!notes.chosen(path + ".upstream.max_in_flight"))
    notes.add(path + ".upstream.max_in_flight",
              "no limit: when more comes than a version can answer, its servers queue it and the "
              "gateway refuses nothing; set what one version bears");
  const std::string first_byte = path + ".timeouts.first_byte";
  if (model.slo && model.slo->latency_p95 >= model.timeouts.first_byte && !notes.chosen(first_byte))
    notes.add(first_byte, base::format_duration(model.timeouts.first_byte) +
                              ": a server that sends nothing before its whole answer fails with "
                              "504 before slo.latency_p95 (" +
                              base::format_duration(model.slo->latency_p95) + ") has passed");
}

void note_names(const Config& config, Notes& notes) {
  std::set<std::string> names;
  const auto add = [&](const Version& version) {
    for (const auto& endpoint : version.endpoints)
      if (!parse_ip(endpoint.host)) names.insert(endpoint.host);
  };
  for (const auto& model : config.models) {
    add(model.stable);
    if (model.canary) add(*model.canary);
  }
  constexpr double many = 1000;  // per minute
  const double queries = static_cast<double>(names.size()) * 2;
  const double asked = queries * 60 / seconds(config.data.dns_refresh);
  if (asked > many && !notes.chosen("data.dns_refresh"))
    notes.add("data.dns_refresh", std::to_string(names.size()) + " names every " +
                                      base::format_duration(config.data.dns_refresh) + ": up to " +
                                      base::format_number(asked, 3) + " DNS queries a minute");
}

}  // namespace

std::vector<Note> notes(const Config& config, const Report& report) {
  std::vector<Note> out;
  Notes notes(report, out);
  note_names(config, notes);
  if (config.access_log && !notes.chosen("access_log.sample"))
    notes.add("access_log.sample", "every request is logged, about 400 bytes each: " +
                                       base::format_number(log_line_bytes * 1000 * 86400 / 1e9, 2) +
                                       " GB a day at 1000 requests/s");
  for (const auto& model : config.models) {
    const std::string path = "models." + model.name;
    if (model.canary) note_judge(model, path, notes);
    note_limits(model, path, notes);
  }
  return out;
}

}  // namespace canary::config

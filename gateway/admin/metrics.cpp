#include "admin/metrics.hpp"

#include <prometheus/text_serializer.h>

#include <set>
#include <sstream>

#include "base/units.hpp"
#include "base/version.hpp"
#include "log/log.hpp"

namespace canary::admin {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;
using Roles = std::map<std::pair<std::string, std::string>, std::string>;

constexpr std::array all_statuses = {rollout::Status::idle,        rollout::Status::running,
                                     rollout::Status::paused,      rollout::Status::gate,
                                     rollout::Status::held,        rollout::Status::rolling_back,
                                     rollout::Status::rolled_back, rollout::Status::complete};

constexpr std::array all_endpoint_states = {
    control::EndpointState::healthy, control::EndpointState::unhealthy,
    control::EndpointState::ejected, control::EndpointState::unresolved,
    control::EndpointState::refused};

double seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }
double seconds(base::WallTime time) { return seconds(time.time_since_epoch()); }
double ratio(base::BasisPoints weight) { return weight / 10000.0; }

class Family {
 public:
  Family(MetricType type, const char* name, const char* help) {
    family_.type = type;
    family_.name = std::string("canary_gateway_") + name;
    family_.help = help;
  }
  void counter(Labels labels, double value) { add(std::move(labels)).counter.value = value; }
  void gauge(Labels labels, double value) { add(std::move(labels)).gauge.value = value; }
  ClientMetric& add(Labels labels) {
    family_.metric.emplace_back().label = std::move(labels);
    return family_.metric.back();
  }
  // A family without a series would be a HELP line without a meaning.
  void to(std::vector<MetricFamily>& page) && {
    if (!family_.metric.empty()) page.push_back(std::move(family_));
  }

 private:
  MetricFamily family_;
};

Labels version_labels(const stats::VersionStats& version, const Roles& roles) {
  return {{"model", version.model},
          {"version", version.version},
          {"role", roles.at({version.model, version.version})}};
}

// (outcome, code) -> count, over all workers.
std::map<std::pair<stats::Outcome, std::uint16_t>, std::uint64_t> requests(
    const stats::VersionStats& version) {
  std::map<std::pair<stats::Outcome, std::uint16_t>, std::uint64_t> out;
  for (const auto& cell : version.requests->all())
    cell.by_code.for_each([&](stats::Outcome outcome, std::uint16_t code, std::uint64_t count) {
      out[{outcome, code}] += count;
    });
  return out;
}

void fill_histogram(ClientMetric& metric, const stats::LatencyCells& cells,
                    stats::BoundedHistogram stats::LatencyCell::*which) {
  auto& histogram = metric.histogram;
  double sum_us = 0;
  for (const auto& cell : cells.all()) sum_us += static_cast<double>((cell.*which).sum_us.get());
  histogram.sample_sum = sum_us / 1e6;
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i <= cells.exported.size(); ++i) {
    for (const auto& cell : cells.all()) cumulative += (cell.*which).counts[i].get();
    const double bound = i < cells.exported.size() ? seconds(cells.exported[i])
                                                   : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({cumulative, bound});
  }
  histogram.sample_count = cumulative;
}

void add_versions(std::vector<MetricFamily>& page, const Backend& backend, const Roles& roles) {
  Family total(MetricType::Counter, "requests_total",
               "Requests by the version that was picked and what became of them.");
  Family duration(MetricType::Histogram, "request_duration_seconds",
                  "Time from the last request byte sent upstream to the response's last byte.");
  Family first_byte(MetricType::Histogram, "time_to_first_byte_seconds",
                    "Time from the last request byte sent upstream to the response's first byte.");
  Family in_flight(MetricType::Gauge, "in_flight_requests", "Requests begun and not yet ended.");
  Family failovers(MetricType::Counter, "failovers_total",
                   "Requests picked for the canary that stable answered.");
  Family shed(MetricType::Counter, "shed_requests_total",
              "Requests refused because their version had as much in flight as it may.");
  std::map<std::string, double> failed_over;
  for (const auto& version : backend.versions()) {
    const Labels labels = version_labels(*version, roles);
    for (const auto& [key, count] : requests(*version)) {
      Labels full = labels;
      full.push_back({"outcome", std::string(name(key.first))});
      full.push_back({"code", key.second == 0 ? "none" : std::to_string(key.second)});
      total.counter(std::move(full), static_cast<double>(count));
    }
    fill_histogram(duration.add(labels), *version->latency, &stats::LatencyCell::duration);
    fill_histogram(first_byte.add(labels), *version->latency, &stats::LatencyCell::first_byte);
    in_flight.gauge(labels, static_cast<double>(version->in_flight()));
    double too_many = 0;
    for (const auto& cell : version->requests->all()) {
      failed_over[version->model] += static_cast<double>(cell.failovers.get());
      too_many += static_cast<double>(cell.shed.get());
    }
    Labels full = labels;
    full.push_back({"reason", "max_in_flight"});
    shed.counter(std::move(full), too_many);
  }
  for (const auto& [model, count] : failed_over) failovers.counter({{"model", model}}, count);
  for (Family* family : {&total, &duration, &first_byte, &in_flight, &failovers, &shed})
    std::move(*family).to(page);
}

void add_models(std::vector<MetricFamily>& page, const control::StatusView& status) {
  Family weight(MetricType::Gauge, "weight_ratio",
                "The canary's weight and the terms it is the minimum of, 0..1.");
  Family rollout_status(MetricType::Gauge, "rollout_status",
                        "1 for the rollout's present status, 0 for every other.");
  Family value(MetricType::Gauge, "analysis_value",
               "A criterion's present value, in its own unit; absent without samples.");
  Family threshold(MetricType::Gauge, "analysis_threshold",
                   "A criterion's limits: success at or below, trigger above.");
  Family in_force(
      MetricType::Gauge, "rollback_in_force_seconds",
      "Time from the request that decided the last rollback until every worker had it.");
  for (const auto& model : status.models) {
    if (!model.canary) continue;
    if (model.in_force_after)
      in_force.gauge({{"model", model.model}},
                     std::chrono::duration<double>(*model.in_force_after).count());
    const auto& w = model.weight;
    const std::pair<const char*, base::BasisPoints> kinds[] = {{"file", w.file},
                                                               {"flag", w.flag},
                                                               {"phase", w.phase},
                                                               {"cap", w.cap},
                                                               {"effective", w.effective}};
    for (const auto& [kind, points] : kinds)
      weight.gauge({{"model", model.model}, {"version", *model.canary}, {"kind", kind}},
                   ratio(points));
    for (const auto state : all_statuses)
      rollout_status.gauge({{"model", model.model}, {"status", std::string(name(state))}},
                           state == model.rollout.status ? 1 : 0);
    for (const auto& reading : model.criteria) {
      const Labels labels = {{"model", model.model}, {"criterion", reading.criterion}};
      if (reading.samples > 0) value.gauge(labels, reading.value);
      for (const auto& [bound, limit] :
           {std::pair("success", reading.success_limit), std::pair("trigger", reading.limit)}) {
        Labels full = labels;
        full.push_back({"bound", bound});
        threshold.gauge(std::move(full), limit);
      }
    }
  }
  for (Family* family : {&weight, &rollout_status, &value, &threshold, &in_force})
    std::move(*family).to(page);
}

// By the endpoints of the file: the addresses of a name come and go, and are no labels.
void add_endpoints(std::vector<MetricFamily>& page, const Backend& backend,
                   const control::StatusView& status) {
  Family states(MetricType::Gauge, "endpoints", "Addresses of an endpoint by what they are.");
  Family ejections(MetricType::Counter, "endpoint_ejections_total",
                   "Times that a worker took an address out because connects to it failed.");
  Family probes(MetricType::Counter, "endpoint_probes_total",
                "Active probes by what they came to.");
  const auto labels = [](const auto& model, const auto& version, const auto& url) {
    return Labels{{"model", model}, {"version", version}, {"endpoint", url}};
  };
  const auto with = [](Labels labels, const char* name, std::string_view value) {
    labels.push_back({name, std::string(value)});
    return labels;
  };
  const auto add_states = [&](const std::string& model, const std::string& version,
                              const std::vector<control::EndpointView>& endpoints) {
    std::map<std::string, std::map<control::EndpointState, double>> counts;
    for (const auto& each : endpoints) ++counts[each.url][each.state];
    for (auto& [url, by_state] : counts)
      for (const auto state : all_endpoint_states)
        states.gauge(with(labels(model, version, url), "state", name(state)), by_state[state]);
  };
  for (const auto& model : status.models) {
    add_states(model.model, model.stable, model.stable_endpoints);
    if (model.canary) add_states(model.model, *model.canary, model.canary_endpoints);
  }
  for (const auto& each : backend.endpoints()) {
    const Labels of = labels(each.model, each.version, each.url);
    ejections.counter(of, static_cast<double>(each.ejections));
    if (!each.probed) continue;
    probes.counter(with(of, "result", "success"), static_cast<double>(each.probes_succeeded));
    probes.counter(with(of, "result", "failure"), static_cast<double>(each.probes_failed));
  }
  for (Family* family : {&states, &ejections, &probes}) std::move(*family).to(page);
}

// Counters begin at 0 for everything that may happen, so that the first time is an increase.
void add_decisions(std::vector<MetricFamily>& page, const Backend& backend,
                   const control::StatusView& status) {
  std::map<std::array<std::string, 3>, double> rollbacks;
  std::map<std::string, double> refusals;
  for (const auto& model : status.models) {
    if (!model.canary) continue;
    refusals[model.model] = 0;
    for (const char* trigger : rollout::immediate_triggers)
      rollbacks[{model.model, trigger, "immediate"}] = 0;
    std::vector<std::string> others(rollout::triggers_of_either_mode.begin(),
                                    rollout::triggers_of_either_mode.end());
    for (const auto& reading : model.criteria) others.push_back(reading.criterion);
    for (const std::string& trigger : others)
      for (const auto mode : {rollout::Mode::immediate, rollout::Mode::gradual})
        rollbacks[{model.model, trigger, std::string(rollout::mode_name(mode))}] = 0;
  }
  for (const auto& row : backend.rollbacks())
    rollbacks[{row.model, row.trigger, row.mode}] += static_cast<double>(row.count);
  for (const auto& row : backend.refusals()) refusals[row.model] += static_cast<double>(row.count);

  Family rolled_back(MetricType::Counter, "rollbacks_total", "Rollbacks since the start.");
  for (const auto& [key, count] : rollbacks)
    rolled_back.counter({{"model", key[0]}, {"trigger", key[1]}, {"mode", key[2]}}, count);
  Family refused(MetricType::Counter, "refused_raises_total",
                 "Attempts to raise the weight of a latched canary.");
  for (const auto& [model, count] : refusals) refused.counter({{"model", model}}, count);
  std::move(rolled_back).to(page);
  std::move(refused).to(page);
}

void add_process(std::vector<MetricFamily>& page, const Backend& backend,
                 const control::StatusView& status) {
  const auto process = backend.process();
  const auto gauge = [&](const char* name, const char* help, double value, Labels labels = {}) {
    Family family(MetricType::Gauge, name, help);
    family.gauge(std::move(labels), value);
    std::move(family).to(page);
  };
  const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
    Family family(MetricType::Counter, name, help);
    family.counter({}, static_cast<double>(value));
    std::move(family).to(page);
  };
  gauge("config_reload_success", "1 when the last attempt to load the configuration succeeded.",
        status.config.last_reload_ok ? 1 : 0);
  gauge("config_held", "1 while a changed configuration file is held back: it may be unfinished.",
        status.config.held.empty() ? 0 : 1);
  gauge("config_last_reload_timestamp_seconds", "When the configuration in force was loaded.",
        seconds(status.config.loaded_at));
  gauge("build_info", "1; the labels say what was built.", 1,
        {{"version", std::string(base::version())}, {"commit", std::string(base::commit())}});
  gauge("ready", "1 when the table is in force on all workers and the listeners are open.",
        status.ready && !status.draining ? 1 : 0);
  gauge("state_durable", "1 when the last decision is committed to disk.",
        status.state_durable ? 1 : 0);
  gauge("connections", "Open connections of clients to the data listeners.",
        static_cast<double>(process.connections_open));
  counter("connections_accepted_total", "Connections accepted on the data listeners.",
          process.connections_accepted);
  counter("accept_errors_total",
          "Times that no connection could be accepted for want of descriptors or memory.",
          process.accept_errors);
  counter("connections_turned_away_total",
          "Connections that were answered 503 because there was no room for them.",
          process.turned_away);
  counter("connections_evicted_total", "Idle connections closed to make room for others.",
          process.evicted);
  counter("upstream_unasked_total",
          "Connections on which a model server sent bytes that no request asked for.",
          process.unasked);
  gauge("descriptors", "Open descriptors of the process.",
        static_cast<double>(process.descriptors_open));
  gauge("descriptor_limit", "How many descriptors the process may have.",
        static_cast<double>(process.descriptor_limit));
  counter("log_dropped_lines_total", "Lines of the gateway's log dropped for want of room.",
          log::dropped());
  counter("access_log_dropped_lines_total", "Lines of the access log dropped for want of room.",
          process.access_log_dropped);
  Family refused(MetricType::Counter, "refused_requests_total",
                 "Requests the gateway answered itself because they were unsound or unroutable.");
  for (const auto& [code, count] : process.refused)
    refused.counter({{"code", std::to_string(code)}}, static_cast<double>(count));
  std::move(refused).to(page);
}

void add_latch(std::vector<MetricFamily>& page, const control::LatchView& latch) {
  const auto gauge = [&](const char* name, const char* help, double value) {
    Family family(MetricType::Gauge, name, help);
    family.gauge({}, value);
    std::move(family).to(page);
  };
  gauge("latch_slots", "Canary versions that the latch file can keep.",
        static_cast<double>(latch.slots));
  gauge("latch_slots_needed", "Slots of versions that are named, latched or held down.",
        static_cast<double>(latch.needed));
  gauge("latch_file_sound", "1 when what is latched is in the latch file.",
        latch.fault.empty() ? 1 : 0);
  Family damages(MetricType::Counter, "latch_file_damages_total",
                 "Times that the latch file was found damaged, replaced or removed.");
  damages.counter({}, static_cast<double>(latch.damages));
  std::move(damages).to(page);
}

void add_notifications(std::vector<MetricFamily>& page, const Backend& backend) {
  Family total(MetricType::Counter, "notifications_total",
               "Messages delivered and given up, and tries that failed, by receiver.");
  Family waiting(MetricType::Gauge, "notifications_waiting",
                 "Messages that have yet to be delivered, by receiver.");
  for (const auto& each : backend.receivers()) {
    const std::pair<const char*, std::uint64_t> results[] = {
        {"delivered", each.delivered}, {"failed", each.failures}, {"dropped", each.dropped}};
    for (const auto& [result, count] : results)
      total.counter({{"receiver", each.receiver}, {"result", result}}, static_cast<double>(count));
    waiting.gauge({{"receiver", each.receiver}}, static_cast<double>(each.waiting));
  }
  for (Family* family : {&total, &waiting}) std::move(*family).to(page);
}

}  // namespace

std::string MetricsPage::render(const Backend& backend) {
  const auto status = backend.status();
  for (const auto& model : status.models) {
    roles_[{model.model, model.stable}] = "stable";
    if (model.canary) roles_[{model.model, *model.canary}] = "canary";
  }
  for (const auto& version : backend.versions())
    roles_.try_emplace({version->model, version->version}, "retired");
  std::vector<MetricFamily> page;
  add_versions(page, backend, roles_);
  add_models(page, status);
  add_endpoints(page, backend, status);
  add_decisions(page, backend, status);
  add_process(page, backend, status);
  add_latch(page, status.latch);
  add_notifications(page, backend);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, page);
  return std::move(out).str();
}

}  // namespace canary::admin

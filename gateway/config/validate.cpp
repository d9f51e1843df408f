// Rules about several keys at once. Each asks first whether the keys it is about are sound, so that
// a mistake is reported once, where it stands.
#include <map>
#include <tuple>

#include "base/text.hpp"
#include "config/address.hpp"
#include "config/parse.hpp"
#include "config/words.hpp"

namespace canary::config {
namespace {

bool is_wildcard(const ListenAddress& address) {
  const auto ip = parse_ip(address.host);
  return ip && (*ip == *parse_ip("0.0.0.0") || *ip == *parse_ip("::"));
}

bool collide(const ListenAddress& a, const ListenAddress& b) {
  if (a.port == 0 || a.port != b.port) return false;
  return a.host == b.host || is_wildcard(a) || is_wildcard(b);
}

// Of one family, an address beside every address cannot be bound. `::` beside an IPv4 address with
// its port takes no IPv4.
void check_data_listeners(const std::vector<ListenAddress>& list, Report& report) {
  const auto is_v6 = [](const ListenAddress& a) { return a.host.find(':') != std::string::npos; };
  for (std::size_t i = 1; i < list.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      if (is_v6(list[i]) != is_v6(list[j]) || !collide(list[i], list[j])) continue;
      const std::string key = "data.listen[" + std::to_string(i) + "]";
      if (report.sound({key}))
        report.error_at(key, list[i].to_string(),
                        "an address that " + list[j].to_string() + " does not take");
    }
}

void check_listeners(const Config& config, Report& report) {
  if (!report.sound({"data.listen", "admin.listen", "observe.listen"})) return;
  check_data_listeners(config.data.listen, report);
  std::vector<std::pair<std::string, ListenAddress>> taken;
  for (std::size_t i = 0; i < config.data.listen.size(); ++i)
    taken.emplace_back("data.listen", config.data.listen[i]);
  const auto check = [&](const std::string& key, const ListenAddress& address) {
    for (const auto& [other, its] : taken) {
      if (!collide(address, its)) continue;
      const bool here = report.was_seen(key);  // otherwise it is the default that is in the way
      report.error_at(here ? key : other, here ? address.to_string() : its.to_string(),
                      "an address that " + (here ? other : key) + " does not take");
      break;
    }
    taken.emplace_back(key, address);
  };
  check("admin.listen", config.admin.listen);
  if (config.observe) check("observe.listen", config.observe->listen);
}

void check_admin(const Config& config, Report& report) {
  if (!report.sound({"admin.listen", "admin.token_file"})) return;
  if (config.admin.listen.is_loopback() || !config.admin.token_file.empty()) return;
  report.error_at("admin.listen", config.admin.listen.to_string(),
                  "a loopback address, or admin.token_file beside it");
}

// Messages carry a link to the status; these addresses lead no reader there.
void check_link(const Config& config, Report& report) {
  if (config.notify.empty() || !config.admin.url.empty()) return;
  if (!report.sound({"admin.listen", "admin.url", "notify"})) return;
  const ListenAddress& listen = config.admin.listen;
  if (listen.host != "0.0.0.0" && listen.host != "::" && listen.port != 0) return;
  report.warning_at("admin.url", "no value beside admin.listen " + listen.to_string(),
                    "the address where people reach the admin API, because every message links to "
                    "it; without it the link has this machine's host name and the port in use");
}

void check_routes(const Config& config, Report& report) {
  using Route = std::tuple<std::string, std::string, std::string, std::string, Kserve, std::string>;
  std::map<Route, std::string> routes;
  for (const auto& model : config.models) {
    for (std::size_t i = 0; i < model.match.size(); ++i) {
      const std::string path =
          "models." + shown_name(model.name) + ".match[" + std::to_string(i) + "]";
      if (!report.sound({path})) continue;
      const Match& match = model.match[i];
      const auto [first, is_new] =
          routes.try_emplace({match.path_prefix, match.host, base::lower(match.header_name),
                              match.header_value, match.kserve, match.served_name},
                             path);
      if (!is_new)
        report.error_at(path, "the route of " + first->second, "a route that no other entry has");
    }
  }
}

void check_names(const Config& config, Report& report) {
  std::map<std::string, std::string> versions;
  const auto check = [&](const std::string& path, const std::string& name) {
    if (!report.sound({path}) || name.empty()) return;
    const auto [first, is_new] = versions.try_emplace(name, path);
    if (!is_new)
      report.error_at(path, name + ", as " + first->second,
                      "a version name that stands once in the file");
  };
  for (const auto& model : config.models) {
    const std::string path = "models." + shown_name(model.name);
    if (!is_name(model.name))
      report.error_at(path, std::string(hidden_text), std::string(name_rule));
    check(path + ".stable.version", model.stable.name);
    if (model.canary) check(path + ".canary.version", model.canary->name);
  }
}

void check_limits(const Model& model, const std::string& path, Report& report) {
  const auto check = [&](const std::string& key, double success, double trigger) {
    const std::string success_path = path + ".success." + key;
    const std::string trigger_path = path + ".triggers." + key;
    if (!report.sound({success_path, trigger_path}) || success <= trigger) return;
    const bool blame_success = report.was_seen(success_path);
    const auto percent = [](double ratio) { return base::format_number(ratio * 100) + "%"; };
    if (blame_success)
      report.error_at(success_path, percent(success),
                      "at most triggers." + key + ", which is " + percent(trigger));
    else
      report.error_at(trigger_path, percent(trigger),
                      "at least success." + key + ", which is " + percent(success));
  };
  check("error_rate", model.success.error_rate, model.triggers.error_rate);
  check("latency_p95", model.success.latency_p95, model.triggers.latency_p95);
  check("quality_degradation", model.success.quality_degradation,
        model.triggers.quality_degradation);
  for (const auto* key : {".success.latency_p95", ".triggers.latency_p95"})
    if (!model.slo && report.was_seen(path + key))
      report.warning_at(path + key, "a latency limit without slo", "slo beside it, or it rests");
  for (const auto* key : {".success.quality_degradation", ".triggers.quality_degradation"})
    if (report.was_seen(path + key))
      report.warning_at(path + key, "a quality limit",
                        "nothing: nothing measures quality yet, it rests, except in a rehearsal");
}

/// A version that hangs finishes as many requests per timeouts.first_byte as may be in flight; the
/// others are refused, which says nothing about it.
void check_in_flight(const Model& model, const std::string& path, Report& report) {
  const std::string most = path + ".upstream.max_in_flight";
  const std::string needed = path + ".judge.min_samples";
  if (!model.canary || model.upstream.max_in_flight == 0 ||
      !report.sound({most, needed, path + ".judge.window", path + ".timeouts.first_byte"}))
    return;
  const auto turns = 1 + model.judge.window / model.timeouts.first_byte;
  const auto samples = model.upstream.max_in_flight * static_cast<std::uint64_t>(turns);
  if (samples >= model.judge.min_samples) return;
  const std::string hangs = "a version that hangs has " + std::to_string(samples) +
                            " samples in a judge.window, too few to be taken out";
  report.warning_at(most, std::to_string(model.upstream.max_in_flight),
                    "more, or a smaller judge.min_samples or timeouts.first_byte: " + hangs);
}

void check_plan(const Model& model, const std::string& path, Report& report) {
  if (!model.plan) return;
  if (!model.canary)
    report.warning_at(path + ".plan", "a plan without canary", "canary beside it, or it rests");
  const auto& phases = model.plan->phases;
  for (std::size_t i = 0; i < phases.size(); ++i) {
    const std::string key = path + ".plan.phases[" + std::to_string(i) + "].percentage";
    if (!report.sound({key})) continue;
    const BasisPoints before = i == 0 ? BasisPoints{0} : phases[i - 1].percentage;
    if (phases[i].percentage <= before)
      report.error_at(key, base::format_percent(phases[i].percentage) + "%",
                      "more than " + base::format_percent(before) + "%, as phases rise");
  }
  const std::string retire = path + ".plan.retire_after", remove = path + ".plan.remove_after";
  if (!report.sound({retire, remove}) || model.plan->remove_after >= model.plan->retire_after)
    return;
  const bool blame_remove = report.was_seen(remove);
  const std::string retires = base::format_duration(model.plan->retire_after);
  const std::string removes = base::format_duration(model.plan->remove_after);
  if (blame_remove)
    report.error_at(remove, removes, "at least plan.retire_after, which is " + retires);
  else
    report.error_at(retire, retires, "at most plan.remove_after, which is " + removes);
}

void check_ladder(const Model& model, const std::string& path, Report& report) {
  const std::string ladder = path + ".rollback.ladder";
  const auto& rungs = model.rollback.ladder;
  if (!report.sound({ladder}) || rungs.empty()) return;
  const auto rung = [&](std::size_t i) { return ladder + "[" + std::to_string(i) + "]"; };
  const auto shown = [&](std::size_t i) { return base::format_percent(rungs[i]) + "%"; };
  for (std::size_t i = 1; i < rungs.size(); ++i)
    if (rungs[i] >= rungs[i - 1])
      report.error_at(rung(i), shown(i), "less than " + shown(i - 1) + ", as a ladder falls");
  const std::size_t last = rungs.size() - 1;
  if (report.sound({ladder}) && rungs[last] != 0)
    report.error_at(rung(last), shown(last), "0 as the last rung");
}

void check_health(const Model& model, const std::string& path, Report& report) {
  const std::string health = path + ".health";
  for (const auto* key : {".interval", ".timeout", ".unhealthy_after", ".healthy_after"})
    if (model.health.path.empty() && report.sound({health + ".path"}) &&
        report.was_seen(health + key))
      report.warning_at(health + key, "a probe without path", "health.path beside it, or it rests");
  const std::string interval = health + ".interval", timeout = health + ".timeout";
  if (!report.sound({interval, timeout}) || model.health.timeout <= model.health.interval) return;
  const bool blame_timeout = report.was_seen(timeout);
  const std::string lasts = base::format_duration(model.health.timeout);
  const std::string every = base::format_duration(model.health.interval);
  if (blame_timeout)
    report.error_at(timeout, lasts, "at most health.interval, which is " + every);
  else
    report.error_at(interval, every, "at least health.timeout, which is " + lasts);
}

// One receiver, one queue: what is asked for twice would be told once.
void check_receivers(const Config& config, Report& report) {
  const auto same = [](const Notify& a, const Notify& b) {
    return a.kind == b.kind && a.url == b.url && a.url_env == b.url_env && a.channel == b.channel;
  };
  for (std::size_t i = 1; i < config.notify.size(); ++i) {
    const std::string path = "notify[" + std::to_string(i) + "]";
    if (!report.sound({"notify"})) return;
    for (std::size_t j = 0; j < i; ++j)
      if (same(config.notify[i], config.notify[j]))
        report.error_at(path, "the receiver of notify[" + std::to_string(j) + "]",
                        "each receiver once, with all its words in one `on`");
  }
}

/// The key of the listener at which a connection to the endpoint certainly ends; empty: none.
std::string own_listener(const Config& config, const EndpointUrl& endpoint) {
  std::vector<std::pair<std::string, ListenAddress>> own;
  for (const auto& address : config.data.listen) own.emplace_back("data.listen", address);
  own.emplace_back("admin.listen", config.admin.listen);
  if (config.observe) own.emplace_back("observe.listen", config.observe->listen);
  for (const auto& ip : known_addresses(endpoint))
    for (const auto& [name, listener] : own)
      if (reaches(ip, endpoint.port, listener, is_local_everywhere)) return name;
  return {};
}

// A request to one of our own listeners would give clients the admin API, or go round for ever.
void check_own_listeners(const Config& config, const Version& version, const std::string& path,
                         Report& report) {
  for (std::size_t i = 0; i < version.endpoints.size(); ++i) {
    const EndpointUrl& endpoint = version.endpoints[i];
    if (const std::string name = own_listener(config, endpoint); !name.empty())
      report.error_at(path + ".endpoints[" + std::to_string(i) + "]",
                      endpoint.to_string() + ", which is " + name + " of this gateway",
                      "the address of a model's server");
  }
}

// Nothing is ever sent there: the notifier refuses.
void check_own_receivers(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.notify.size(); ++i) {
    const auto endpoint = web_url_endpoint(config.notify[i].url);
    if (!endpoint) continue;
    if (const std::string name = own_listener(config, *endpoint); !name.empty())
      report.error_at("notify[" + std::to_string(i) + "].url",
                      "a URL (not shown) of " + name + " of this gateway", "the URL of a receiver");
  }
}

void check_endpoints(const Model& model, const std::string& path, Report& report) {
  if (!model.canary) return;
  const auto& stable = model.stable.endpoints;
  for (const auto& endpoint : model.canary->endpoints)
    if (std::any_of(stable.begin(), stable.end(), [&](const EndpointUrl& other) {
          return other.authority() == endpoint.authority();
        }))
      report.warning_at(path + ".canary.endpoints", endpoint.to_string() + ", as stable",
                        "another endpoint, or both versions are one server");
}

}  // namespace

void validate(const Config& config, Report& report) {
  check_listeners(config, report);
  check_admin(config, report);
  check_link(config, report);
  check_names(config, report);
  check_routes(config, report);
  check_receivers(config, report);
  check_own_receivers(config, report);
  for (const auto& model : config.models) {
    const std::string path = "models." + shown_name(model.name);
    check_limits(model, path, report);
    check_in_flight(model, path, report);
    check_plan(model, path, report);
    check_ladder(model, path, report);
    check_own_listeners(config, model.stable, path + ".stable", report);
    if (model.canary) check_own_listeners(config, *model.canary, path + ".canary", report);
    check_endpoints(model, path, report);
    check_health(model, path, report);
  }
}

}  // namespace canary::config

// models.<name>: how a request is given a version, and how it is sent there.
#include "config/host.hpp"
#include "config/parse.hpp"
#include "config/words.hpp"

namespace canary::config {
namespace {

using Kind = StickySource::Kind;

constexpr std::string_view sticky_rule =
    "{ header: NAME }, { cookie: NAME }, { query: NAME } or client_address";

void read_sticky_entry(const Field& element, std::vector<StickySource>& out) {
  StickySource source{Kind::client_address, ""};
  if (element.is_map() || !element.present()) {
    element.section([&](Section& section) {
      const auto read = [&](std::string_view key, Kind kind, bool (*accepts)(std::string_view),
                            std::string_view what) {
        const Field name = section[key];
        if (name.present()) source.kind = kind;
        name.text(source.name, accepts, what);
      };
      read("header", Kind::header, is_token, token_rule);
      read("cookie", Kind::cookie, is_token, token_rule);
      read("query", Kind::query, is_query_name, query_name_rule);
      section.exactly_one();
    });
  } else {
    const std::string* word = element.scalar(sticky_rule);
    if (word && *word != "client_address") element.problem(std::string(sticky_rule));
  }
  out.push_back(std::move(source));
}

void read_override(Section& section, Override& out) {
  section["header"].text(out.header, is_token, token_rule);
  section["cookie"].text(out.cookie, is_token, token_rule);
  section.at_least_one();
  section["at_zero"].boolean(out.at_zero);
}

// A word, or a map with a name.
void read_host(const Field& field, UpstreamHost& out) {
  using Kind = UpstreamHost::Kind;
  if (field.is_map() || !field.present()) {
    field.section([&](Section& section) {
      out.kind = Kind::name;
      section.required("name", authority_rule).parsed(out.name, parse_authority);
    });
    return;
  }
  constexpr std::string_view rule = "client, endpoint or { name: HOST }";
  const std::string* word = field.scalar(rule);
  if (!word) return;
  if (*word == "endpoint")
    out.kind = Kind::endpoint;
  else if (*word != "client")
    field.problem(std::string(rule));
}

void read_upstream(Section& section, Upstream& out) {
  read_host(section["host"], out.host);
  section["keepalive_idle"].duration(out.keepalive_idle, positive);
  section["max_idle_per_worker"].number(out.max_idle_per_worker, {0, 65535});
  section["max_in_flight"].number(out.max_in_flight, {0, 1'000'000});
  section["retry_reused_post"].boolean(out.retry_reused_post);
  section["on_client_abort"].not_yet({"cancel"});
}

// Control looks at probes with each of its ticks, every 250 ms.
constexpr DurationRange probe_interval{250ms, 1h};

void read_health(Section& section, Health& out) {
  section["path"].text(out.path, is_request_target, request_target_rule);
  section["interval"].duration(out.interval, probe_interval);
  section["timeout"].duration(out.timeout, {1ms, probe_interval.most});
  section["unhealthy_after"].number(out.unhealthy_after, {1, 1000});
  section["healthy_after"].number(out.healthy_after, {1, 1000});
  section["eject_after_failures"].number(out.eject_after_failures, {0, 1000});
}

}  // namespace

void read_traffic(Section& model, Model& out) {
  model["sticky"].list([&](const Field& element) { read_sticky_entry(element, out.sticky); });
  model["override"].section(
      [&](Section& section) { read_override(section, out.override_.emplace()); });
  model["hash"].not_yet();
  model["timeouts"].section([&](Section& timeouts) {
    timeouts["connect"].duration(out.timeouts.connect, positive);
    timeouts["first_byte"].duration(out.timeouts.first_byte, positive);
    timeouts["idle"].duration(out.timeouts.idle, positive);
    timeouts["total"].duration(out.timeouts.total, zero_or_more);
  });
  model["upstream"].section([&](Section& section) { read_upstream(section, out.upstream); });
  model["health"].section([&](Section& section) { read_health(section, out.health); });
  model["failover"].boolean(out.failover);
  model["version_header"].boolean(out.version_header);
}

}  // namespace canary::config

// Scenario: how many requests there are, and how the versions behave.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "config/parse.hpp"
#include "config/scenario_parse.hpp"

namespace canary::config {
namespace {

constexpr double most_per_second = 1'000'000;

// A plain decimal from 0 up to `most`; the error is what is expected.
base::Result<double> parse_decimal(std::string_view text, double most, const char* what) {
  double value = 0;
  const auto [end, ec] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (ec != std::errc() || end != text.data() + text.size() || !std::isfinite(value) ||
      std::signbit(value) || value > most)
    return base::Error(what);
  return value;
}
base::Result<double> parse_rate(std::string_view text) {
  return parse_decimal(text, most_per_second, "a number per second 0..1000000, such as 50 or 0.5");
}
base::Result<double> parse_error(std::string_view text) {
  return parse_decimal(text, 1e12, "a mean error, 0 or more, such as 0.12");
}

void read_share(const Field& field, std::optional<double>& out) {
  read_optional(field, out, [&](double& ratio) {
    double percent = ratio * 100;
    field.percent(percent, 100);
    ratio = percent / 100;
  });
}

void read_latency(const Field& field, std::vector<Quantile>& out) {
  std::vector<Quantile> quantiles;
  constexpr std::string_view rule =
      "a duration, or p50 and p95, or more of p10, p25, p50, p75, p90, p95, p99, p999, max, rising";
  if (field.is_map() || !field.present()) {
    field.section([&](Section& section) {
      constexpr std::pair<const char*, double> known[] = {
          {"p10", .1},  {"p25", .25}, {"p50", .5},    {"p75", .75}, {"p90", .9},
          {"p95", .95}, {"p99", .99}, {"p999", .999}, {"max", 1}};
      for (const auto& [key, share] : known) {
        const Field value = section[key];
        if (!value.present()) continue;
        Duration duration{};
        value.duration(duration, positive);
        quantiles.push_back({share, duration});
      }
    });
    if (!field.present()) return;
    const bool rising = std::is_sorted(quantiles.begin(), quantiles.end(),
                                       [](auto& a, auto& b) { return a.value < b.value; });
    const auto below_max = std::count_if(quantiles.begin(), quantiles.end(),
                                         [](const Quantile& q) { return q.share < 1; });
    if (!rising || below_max < 2) return field.problem(std::string(rule));
  } else {
    Duration always{};
    if (field.scalar(rule)) field.duration(always, positive);
    quantiles.push_back({.5, always});
  }
  out = std::move(quantiles);
}

void read_quality(const Field& field, Behaviour& out) {
  const auto read_error = [&](const Field& error) {
    read_optional(error, out.quality_error, [&](double& v) { error.parsed(v, parse_error); });
  };
  if (field.present() && !field.is_map()) return read_error(field);
  field.section([&](Section& section) {
    read_error(section["error"]);
    const Field spread = section["spread"];
    read_optional(spread, out.quality_spread, [&](double& v) { spread.parsed(v, parse_error); });
    const Field share = section["labels"], rate = section["labels_per_second"];
    read_share(share, out.labels);
    read_optional(rate, out.labels_per_second, [&](double& v) { rate.parsed(v, parse_rate); });
    if (share.present() && rate.present()) field.problem("labels or labels_per_second, not both");
    // The later word counts: a share takes a fixed rate's place.
    if (share.present()) out.labels_per_second.reset();
  });
}

void read_behaviour(const Field& field, Behaviour& out) {
  field.section([&](Section& section) {
    read_share(section["error_rate"], out.error_rate);
    const Field outcome = section["error_outcome"];
    read_optional(outcome, out.error_outcome,
                  [&](std::string& word) { read_word(outcome, word, scenario_outcomes()); });
    read_latency(section["latency"], out.latency);
    const Field capacity = section["capacity"], down = section["down"];
    read_optional(capacity, out.capacity, [&](double& v) { capacity.parsed(v, parse_rate); });
    read_optional(down, out.down, [&](bool& v) { down.boolean(v); });
    read_quality(section["quality"], out);
  });
}

}  // namespace

const std::vector<std::string>& scenario_outcomes() {
  static const std::vector<std::string> outcomes{
      "server_error",    "overload",           "connect_error", "reset",         "truncated",
      "timeout_connect", "timeout_first_byte", "timeout_idle",  "timeout_total", "inband_error",
      "bad_output",      "client_error",       "client_abort",  "gateway_error"};
  return outcomes;
}

void read_conditions(Section& section, Conditions& out, bool with_both) {
  const Field rate = section["requests_per_second"];
  read_optional(rate, out.requests_per_second, [&](double& v) { rate.parsed(v, parse_rate); });
  if (with_both) {
    const Field both = section["both"];
    read_behaviour(both, out.stable);
    // Once more for its values; a problem is told once, because its place is the same.
    if (both.present()) read_behaviour(both, out.canary);
  }
  read_behaviour(section["stable"], out.stable);
  read_behaviour(section["canary"], out.canary);
}

bool says_anything(const Conditions& conditions) { return !(conditions == Conditions{}); }

}  // namespace canary::config

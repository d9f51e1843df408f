// A configuration of one model, and what was recorded of its versions.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "config/config.hpp"
#include "stats/cells.hpp"

namespace canary::test {

using namespace std::chrono_literals;

/// A timeout that a test waits for, and one that none does.
constexpr base::Duration soon = 200ms, never = 60s;

/// One model "m" on every path. Port 0: no canary.
inline config::Config one_model(std::uint16_t stable, std::uint16_t canary = 0) {
  config::Config config;
  config.data.timeouts = {.header = never, .body_idle = never, .keepalive_idle = never};
  config::Model model;
  model.name = "m";
  model.match.push_back({.path_prefix = "/", .host = {}, .header_name = {}, .header_value = {}});
  model.stable = {"m_v1", {{"127.0.0.1", stable}}};
  if (canary != 0) {
    model.canary.emplace();
    model.canary->name = "m_v2";
    model.canary->endpoints = {{"127.0.0.1", canary}};
  }
  model.timeouts = {.connect = never, .first_byte = never, .idle = never, .total = 0s};
  config.models.push_back(std::move(model));
  return config;
}

/// The workers' cells of one version, summed.
struct Recorded {
  std::map<std::string, std::uint64_t> by_outcome;  // only those that occurred
  std::map<std::string, std::uint64_t> by_code;     // "ok 200", "reset 0"
  std::uint64_t started = 0, finished = 0, evidence = 0, errors = 0, failovers = 0;
  std::uint64_t received = 0, sent = 0, samples = 0, over_slo = 0, over_trigger = 0;
  std::uint64_t in_flight() const { return started - finished; }
  std::uint64_t charges() const {
    std::uint64_t sum = 0;
    for (const auto& [outcome, count] : by_outcome) sum += count;
    return sum;
  }
};

inline Recorded recorded(const stats::VersionStats& stats) {
  Recorded sum;
  for (const auto& cell : stats.requests->all()) {
    for (std::size_t i = 0; i < stats::outcome_count; ++i)
      if (const auto count = cell.by_outcome[i].get())
        sum.by_outcome[std::string(stats::name(static_cast<stats::Outcome>(i)))] += count;
    cell.by_code.for_each([&](stats::Outcome outcome, std::uint16_t code, std::uint64_t count) {
      sum.by_code[std::string(stats::name(outcome)) + " " + std::to_string(code)] += count;
    });
    sum.finished += cell.finished.get();
    sum.started += cell.started.get();
    sum.evidence += cell.evidence.get();
    sum.errors += cell.evidence_errors.get();
    sum.failovers += cell.failovers.get();
    sum.received += cell.bytes_received.get();
    sum.sent += cell.bytes_sent.get();
  }
  for (const auto& cell : stats.latency->all()) {
    sum.samples += cell.samples.get();
    sum.over_slo += cell.over_slo.get();
    sum.over_trigger += cell.over_trigger.get();
  }
  return sum;
}

}  // namespace canary::test

// A scenario: what happens while a plan is rehearsed, and what is expected of it, as plain structs.
// Parsed like the configuration (all problems at once, each with its place) and checked against it.
// Keys: docs/rehearsal.md. Pure: reads no file.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/document.hpp"
#include "config/load.hpp"

namespace canary::config {

/// `share` of a version's answers take at most `value`.
struct Quantile {
  double share = 0;
  Duration value{};
  bool operator==(const Quantile&) const = default;
};

/// How a version behaves, as far as it is said; what is absent stays as it was.
struct Behaviour {
  std::optional<double> error_rate;          // ratio of the requests
  std::optional<std::string> error_outcome;  // by its name in stats/outcome
  std::vector<Quantile> latency;             // rising; empty: as it was
  std::optional<double> capacity;            // requests per second; 0: no bound
  std::optional<bool> down;
  std::optional<double> quality_error;   // mean error of the predictions: lower is better
  std::optional<double> quality_spread;  // its standard deviation; absent: the mean itself
  std::optional<double> labels;          // ratio of the requests whose truth becomes known
  std::optional<double> labels_per_second;
  bool operator==(const Behaviour&) const = default;
};

/// A change of the world.
struct Conditions {
  std::optional<double> requests_per_second;
  Behaviour stable, canary;
  bool operator==(const Conditions&) const = default;
};

struct ModelScript {
  std::string name;
  Conditions begin;
};

/// What a person does.
struct Act {
  enum class Kind : std::uint8_t {
    promote,
    pause,
    resume,
    rollback,
    complaint,
    set_flag,
    clear_flag
  };
  Kind kind = Kind::promote;
  std::string by = "rehearsal", reason;
  std::optional<RollbackPolicy::Mode> mode;  // of a rollback; absent: the file's
  bool critical = true;                      // of a complaint
  BasisPoints percentage = 0;                // of a flag
};
std::string_view name(Act::Kind kind);

/// An edit of the configuration file: single keys of a model, or another file.
struct FileEdit {
  std::optional<BasisPoints> rollout_percentage;
  std::optional<std::uint32_t> attempt;
  std::string path;  // of a whole replacement, relative to the scenario
  std::string text;  // or its text
};

/// What happens to the gateway's process: stopped, or killed, and started `down` later.
struct Outage {
  bool killed = false;
  Duration down{};
};

struct Event {
  Place place;
  Duration at{};
  Duration every{};               // 0: once
  std::optional<Duration> until;  // the last repetition is not later
  std::string model;              // empty: the only one
  std::optional<Conditions> change;
  Duration over{};  // the change's numbers move there within this time
  std::optional<FileEdit> file;
  std::vector<Act> acts;
  std::optional<Outage> outage;
  std::optional<bool> disk_full;
};

/// What must be so, or the rehearsal has failed.
struct Expectation {
  enum class Kind : std::uint8_t { happens, never, at, max_weight, told };
  Kind kind = Kind::happens;
  Place place;
  std::string model;  // empty: the only one
  // Of what happens, or never does; of whom is told.
  std::string entry;  // kind of a history entry; for `told`: a part of the receiver's name
  std::string trigger, reason, by;           // empty: any; the reason contains this
  std::optional<RollbackPolicy::Mode> mode;  // of a rollback
  std::optional<std::uint32_t> phase;
  std::optional<std::uint32_t> times;     // exactly; absent: at least once
  std::optional<Duration> after, before;  // [after, before]
  // At a moment.
  std::optional<Duration> at;  // absent: at the end
  std::optional<std::string> status, limited_by;
  std::optional<BasisPoints> weight;  // also max_weight
  std::optional<bool> latched;
};

struct Scenario {
  std::string title;
  std::optional<Duration> duration;  // absent: see docs/rehearsal.md
  std::optional<std::uint64_t> seed;
  std::vector<ModelScript> models;
  std::vector<Event> events;  // in the file's order
  std::vector<Expectation> expectations;
};

struct LoadedScenario {
  Scenario scenario;
  std::vector<Problem> errors;
  bool ok() const { return errors.empty(); }
};

/// Parses and validates a scenario for this configuration.
LoadedScenario load_scenario(std::string_view text, const Config& config);

/// Every key of a scenario, by path: `events[].canary.error_rate`.
std::vector<KnownKey> known_scenario_keys();

/// The words that a scenario may use, for the pages and the tests.
const std::vector<std::string>& scenario_entries();
const std::vector<std::string>& scenario_triggers();
const std::vector<std::string>& scenario_outcomes();
const std::vector<std::string>& scenario_statuses();

}  // namespace canary::config

// The configuration file as plain structs, with every default in its place. Parsing and validation
// fill it (config/load.hpp); nothing here knows YAML. Keys: docs/configuration.md.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/units.hpp"

namespace canary::config {

using base::BasisPoints;
using base::Duration;
using namespace std::chrono_literals;

/// A numeric IP address and port to listen on; port 0 lets the kernel choose (tests).
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
  bool is_loopback() const;
  std::string to_string() const;  // "127.0.0.1:8080", "[::1]:8080"
  bool operator==(const ListenAddress&) const = default;
};

struct DataTimeouts {
  Duration header = 10s;          // the whole request head, from its first byte
  Duration body_idle = 30s;       // no progress on a request body, or towards a slow reader
  Duration keepalive_idle = 75s;  // between requests
  bool operator==(const DataTimeouts&) const = default;
};

struct DataLimits {
  std::uint64_t header_bytes = 64 << 10;
  std::uint32_t header_count = 100;
  std::uint64_t request_body = 1ull << 30;
  std::uint32_t connections = 20000;
  std::uint64_t min_rate = 240;  // bytes per second of a body that waits for the client; 0: none
  bool operator==(const DataLimits&) const = default;
};

/// An address block such as 10.0.0.0/8 or ::1/128; IPv4 is kept as IPv4-mapped IPv6.
struct AddressBlock {
  std::array<std::uint8_t, 16> address{};
  unsigned prefix_bits = 128;
  bool contains(const std::array<std::uint8_t, 16>& candidate) const;
  bool operator==(const AddressBlock&) const = default;
};

struct DataPlane {
  std::vector<ListenAddress> listen{{"0.0.0.0", 8080}};
  std::uint32_t workers = 0;  // 0: `auto`, one per CPU
  DataTimeouts timeouts;
  DataLimits limits;
  std::vector<AddressBlock> trusted_proxies;
  Duration dns_refresh = 5s;  // how often the names of endpoints are asked again
};

struct Admin {
  ListenAddress listen{"127.0.0.1", 9901};
  std::string url;                         // how people reach it, for links; empty: http://listen
  std::filesystem::path token_file;        // empty: none
  std::vector<std::string> allowed_hosts;  // names accepted in Host besides the listen address
};

struct Observe {
  ListenAddress listen;
};

struct AccessLog {
  std::filesystem::path path;
  BasisPoints sample = base::full_weight;
};

/// Whose paths name the model: /v1/models/{name}:predict, /v2/models/{name}/infer.
enum class Kserve : std::uint8_t { none, v1, v2 };

/// One way a request reaches a model. Every field that is set must match.
struct Match {
  std::string path_prefix;  // matches whole segments: /a matches /a, /a/b, /a:predict, not /ab
  std::string host;         // without port and final dot, lower case
  std::string header_name;
  std::string header_value;      // exact; meaningful with header_name
  Kserve kserve = Kserve::none;  // instead of path_prefix
  std::string served_name = {};  // the model's name in kserve's paths
};

/// http://host:port. `host` may be a name; names are resolved when the table is built. A name that
/// ends with a dot is absolute: the resolver leaves its search list aside.
struct EndpointUrl {
  std::string host;
  std::uint16_t port = 80;
  std::string authority() const;  // for a Host header: no final dot, no port 80
  std::string to_string() const;  // http://host:port
  bool operator==(const EndpointUrl&) const = default;
};

struct Version {
  std::string name;
  std::vector<EndpointUrl> endpoints;
};

struct Canary : Version {
  BasisPoints rollout_percentage = 0;  // with a plan: 100%, unless the file says otherwise
};

struct StickySource {
  enum class Kind : std::uint8_t { header, cookie, query, client_address } kind;
  std::string name;  // empty for client_address
};

struct Override {
  std::string header;  // empty: not by header
  std::string cookie;  // empty: not by cookie
  bool at_zero = false;
};

struct Slo {
  enum class Of : std::uint8_t { total, first_byte };
  Duration latency_p95{};
  Of of = Of::total;
};

struct ModelTimeouts {
  Duration connect = 1s;
  Duration first_byte = 60s;
  Duration idle = 60s;
  Duration total = 0s;  // 0: none
};

/// What the Host field says to the model server.
struct UpstreamHost {
  enum class Kind : std::uint8_t { client, endpoint, name };
  Kind kind = Kind::client;
  std::string name;  // host[:port]; with Kind::name alone
};

struct Upstream {
  UpstreamHost host;
  Duration keepalive_idle = 4s;
  std::uint32_t max_idle_per_worker = 20000;  // as many as there may be clients
  std::uint32_t max_in_flight = 0;            // per version, over all workers; 0: no limit
  bool retry_reused_post = false;
};

/// Endpoints are taken out by what their connects come to, and by probes where there is a path.
struct Health {
  std::string path;  // of active probes; empty: none
  Duration interval = 2s;
  Duration timeout = 1s;
  std::uint32_t unhealthy_after = 3;       // probes that fail in a row
  std::uint32_t healthy_after = 2;         // probes that succeed in a row
  std::uint32_t eject_after_failures = 5;  // connects that fail in a row; 0: no ejection
  bool operator==(const Health&) const = default;
};

/// Limits as ratios: error_rate 0.1% is 0.001; latency as a factor of the SLO, 150% is 1.5.
struct SuccessLimits {
  double error_rate = 0.001;
  double latency_p95 = 1.0;
  double quality_degradation = 0.05;  // against stable; rests until something measures quality
};
struct TriggerLimits {
  double error_rate = 0.005;
  double latency_p95 = 1.5;
  double quality_degradation = 0.15;
  bool critical_bug = true;  // a person's critical complaint rolls back
};

struct Phase {
  BasisPoints percentage = 0;
  Duration hold{};  // of time in which there was enough traffic to judge
  bool operator==(const Phase&) const = default;
};

/// The runbook's four weeks, unless the file says otherwise. Each phase's percentage is above that
/// of the phase before, so a percentage names its phase.
struct Plan {
  enum class Advance : std::uint8_t { automatic, manual };
  enum class OnInsufficientData : std::uint8_t { hold, advance, rollback };
  std::vector<Phase> phases{{1000, 168h}, {5000, 168h}, {base::full_weight, 336h}};
  Advance advance = Advance::automatic;
  OnInsufficientData on_insufficient_data = OnInsufficientData::hold;
  // Of time at the completed plan's last percentage: when people are reminded that stable may be
  // retired, and that it should be removed and archived.
  Duration retire_after = 336h;
  Duration remove_after = 720h;
  bool operator==(const Plan&) const = default;
};

/// What a trigger does, and what follows any rollback.
struct RollbackPolicy {
  enum class Mode : std::uint8_t { immediate, gradual };
  Mode mode = Mode::immediate;                           // a critical bug is always immediate
  std::vector<BasisPoints> ladder{5000, 2500, 1000, 0};  // falling, ends with 0
  Duration rung_hold = 30min;
  Duration watch = 15min;  // of stable, after the last canary request has ended
  Duration drain = 30s;    // then what is still in flight to the canary is closed
  bool operator==(const RollbackPolicy&) const = default;
};

struct ThresholdJudge {
  Duration window = 1min;
  std::uint64_t min_samples = 200;
};

/// What a canary that begins to get traffic serves before it is judged: both must be there.
struct WarmUp {
  std::uint64_t requests = 0;
  Duration duration{};
  bool operator==(const WarmUp&) const = default;
};

struct Model {
  std::string name;
  std::vector<Match> match;
  Version stable;
  std::optional<Canary> canary;
  std::uint32_t attempt = 1;
  std::vector<StickySource> sticky;  // first present wins; none: random
  std::optional<Override> override_;
  std::optional<Slo> slo;
  std::vector<std::uint16_t> errors_also;
  ModelTimeouts timeouts;
  Upstream upstream;
  Health health;
  bool failover = true;
  bool version_header = true;    // X-Model-Version on responses
  bool stable_unproven = false;  // stable.unproven: accept
  std::optional<Plan> plan;
  SuccessLimits success;
  TriggerLimits triggers;
  ThresholdJudge judge;
  WarmUp warm_up;
  RollbackPolicy rollback;
};

/// What people are told of. The words of `notify[].on`: docs/notifications.md.
enum class NoticeKind : std::uint8_t {
  rollback,   // the weight is taken away: exactly one per rollback, at its decision
  step,       // how that rollback goes on: rungs, proof, watch
  phase,      // a phase began, or the plan is complete
  hold,       // a phase's time has passed and it does not end: held, or waiting at a gate
  promoted,   // the canary was named stable
  reminder,   // what is left to do after a completed plan
  complaint,  // a person reported something that is no trigger
  command     // a person paused, resumed, promoted, or a new attempt began
};

std::string_view name(NoticeKind kind);

/// One receiver of notices.
struct Notify {
  enum class Kind : std::uint8_t { slack, webhook, log };
  Kind kind = Kind::log;
  std::string url;         // http(s)://...; empty when url_env names it, and for log
  std::string url_env;     // the environment variable that holds the URL: it is a secret
  std::string channel;     // slack: "#incidents"; empty: the webhook's own
  std::string secret_env;  // webhook: the variable that holds the signing secret; empty: unsigned
  std::vector<NoticeKind> on;  // empty: all
  bool wants(NoticeKind what) const;
  bool operator==(const Notify&) const = default;
};

struct Config {
  DataPlane data;
  Admin admin;
  std::optional<Observe> observe;
  std::filesystem::path state_dir = "/var/lib/canary-gateway";
  std::optional<AccessLog> access_log;
  std::vector<Model> models;  // in the file's order
  std::vector<Notify> notify;
};

}  // namespace canary::config

// Active probes: asks every endpoint of a model that has a `health.path`, again and again, and says
// to the workers which of them are healthy. Also of a version without weight: that it is healthy is
// known before it gets any. Driven by the controller's tick. Control thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "net/http_probe.hpp"
#include "traffic/routing_table.hpp"

namespace canary::control {

/// What the probes of one endpoint have come to. Pure.
struct ProbeVerdict {
  bool healthy = true;  // until so many in a row say otherwise
  std::uint32_t against = 0;
  /// True: `healthy` has changed.
  bool take(bool succeeded, const config::Health& health);
};

/// Sends one probe; the answer comes on the control thread, also after the asker is gone.
using SendProbe = std::function<void(const net::Probe&, std::function<void(base::Result<int>)>)>;

class HealthProbes {
 public:
  /// Without `send` nothing is probed.
  HealthProbes(const base::Clock& clock, SendProbe send, std::uint64_t seed)
      : clock_(clock), send_(std::move(send)), random_(seed) {}

  struct Endpoint {
    std::shared_ptr<traffic::EndpointHealth> health;
    config::Health rules;
    net::Probe probe;
    ProbeVerdict verdict;
    std::string problem;  // of the last probe; empty when it succeeded
    bool fails() const { return !problem.empty(); }
    std::uint64_t succeeded = 0, failed = 0, changes = 0;
    base::MonoTime next{}, asked_at{};  // asked_at: by the shared time
    base::Duration paused_before{};     // the clock's paused() when it was asked
    base::MonoTime failing_since{};     // EndpointHealth has it by the shared time
    base::Duration pause{};             // between probes; the interval, but after an outage of all
    bool asked = false;                 // a probe is under way
  };

  /// Knows the table's endpoints from now on, and no other.
  void follow(const traffic::RoutingTable& table);
  /// Sends what is due.
  void tick();
  /// nullptr: it is not probed.
  const Endpoint* find(const traffic::Model& model, const traffic::Version& version,
                       const traffic::Endpoint& endpoint) const;

 private:
  using Key = std::tuple<std::string, std::string, std::uint32_t>;  // model, version, serial
  void ask(const Key& key, Endpoint& endpoint);
  void answered(const Key& key, const base::Result<int>& status);
  static void publish(Endpoint& endpoint);
  void fails_since(Endpoint& endpoint, base::MonoTime since);
  template <class F>
  void for_each_of(const std::string& model, F&& f);
  void look_at_outage(const std::string& model, const Endpoint& last);
  void end_outage(const std::string& model, base::MonoTime began);
  base::Duration part_of(base::Duration interval, double least, double most);

  const base::Clock& clock_;
  SendProbe send_;
  base::Random random_;
  std::map<Key, Endpoint> endpoints_;
  // Models, by name, all of whose endpoints have failed at once, and since when.
  std::map<std::string, base::MonoTime> outages_;
  std::size_t under_way_ = 0;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace canary::control

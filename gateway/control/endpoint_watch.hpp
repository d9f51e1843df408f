// What becomes of the endpoints, for people: workers count ejections and probes change their minds,
// this tells of it in the log, at most once in a while for each endpoint, and sums it up for the
// status and the metrics. Decides nothing. Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.hpp"
#include "control/health_probes.hpp"
#include "control/own_guard.hpp"
#include "control/resolver.hpp"
#include "control/views.hpp"
#include "traffic/routing_table.hpp"

namespace canary::control {

class EndpointWatch {
 public:
  EndpointWatch(const base::Clock& clock, const HealthProbes& probes)
      : clock_(clock), probes_(probes) {}

  /// Knows this table's endpoints from now on.
  void follow(std::shared_ptr<const traffic::RoutingTable> table);
  /// Looks at the workers and the probes, and tells what is new.
  void tick();

  /// The version's endpoints, in the file's order; a name without an address among them, and
  /// addresses that are not used because they are the gateway's own.
  std::vector<EndpointView> view(const config::Model& model, const config::Version& version,
                                 const Resolver& resolver, const OwnGuard& own) const;
  /// Of every endpoint of the file, since it came into it.
  std::vector<EndpointCount> counts() const;

 private:
  using Url = std::tuple<std::string, std::string, std::string>;  // model, version, url
  using Key = std::tuple<std::string, std::string, std::uint32_t>;
  struct Seen {
    std::uint64_t ejections = 0, succeeded = 0, failed = 0, changes = 0;  // that are counted
  };
  /// What the log was told last.
  struct Told {
    bool out = false;
    base::MonoTime at{};
    std::uint64_t times = 0;  // that it went out since then
    bool due(bool now_out, base::MonoTime now) const;
  };
  struct Known {
    Seen seen;
    Told probed, ejected;
  };
  struct Place {
    const traffic::Model& model;
    const traffic::Version& version;
    const traffic::Endpoint& endpoint;
  };
  template <class F>
  void for_each(F&& f) const;
  EndpointView view_of(const Place& place) const;
  void count(const Place& place);
  void tell_probed(const Place& place, Told& told, base::MonoTime now) const;
  static void tell_ejected(const Place& place, Told& told, base::MonoTime now);

  const base::Clock& clock_;
  const HealthProbes& probes_;
  std::shared_ptr<const traffic::RoutingTable> table_;
  std::map<std::string, const traffic::Model*> models_;  // in table_, by name
  std::map<Key, Known> known_;
  std::map<Url, EndpointCount> counts_;
};

}  // namespace canary::control

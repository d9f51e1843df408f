// What the controller's parts share: the house's things, the configuration in force, the rollouts,
// and the few steps that all of them take. Owned by Controller::Impl. Control thread.
#pragma once

#include <boost/asio/post.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "control/controller.hpp"
#include "control/endpoint_watch.hpp"
#include "control/entry_limit.hpp"
#include "control/figures.hpp"
#include "control/gate.hpp"
#include "control/health_probes.hpp"
#include "control/measure.hpp"
#include "control/own_guard.hpp"
#include "control/publisher.hpp"
#include "control/resolver.hpp"
#include "control/rollouts.hpp"
#include "control/telling.hpp"

namespace canary::control {

struct Core {
  explicit Core(Controller::Parts parts);

  Controller::Parts parts;
  config::Config config;            // in force
  std::optional<std::string> text;  // its text; none while the file should be taken up again
  std::string adopted;              // its text, in any case
  ConfigView view;
  std::string status_url;  // what messages link to
  Rollouts rollouts;
  Publisher publisher;
  Measure measure;
  Gate gate;
  Telling telling;
  EntryLimit entry_limit;
  Resolver resolver;
  OwnGuard own;
  Figures figures;
  HealthProbes probes;
  EndpointWatch endpoints;
  struct RollbackKind {
    std::string model, trigger;
    rollout::Mode mode = rollout::Mode::immediate;
    auto operator<=>(const RollbackKind&) const = default;
  };
  std::map<RollbackKind, std::uint64_t> rollbacks;  // since the start
  std::map<std::string, std::uint64_t> refusals;
  std::vector<RollbackCount> rollback_counts() const;
  std::vector<RefusalCount> refusal_counts() const;
  std::shared_ptr<const bool> alive = std::make_shared<const bool>(true);

  /// A callback for another thread, or for later: runs on the control thread, unless the controller
  /// is gone by then.
  template <class F>
  auto on_control(F f) {
    return [&io = parts.io, weak = std::weak_ptr(alive), f = std::move(f)](auto... arguments) {
      boost::asio::post(io, [weak, f, arguments = std::make_tuple(std::move(arguments)...)] {
        if (weak.lock()) std::apply(f, arguments);
      });
    };
  }

  /// Publishes the configuration in force with the rollouts' present weights.
  void publish(std::function<void()> in_force);

  /// What the configuration in force says about the rollout; nothing when it does not name it.
  rollout::Rules rules(const Key& key) const;

  /// A history row for the entry.
  store::HistoryRow row(const Key& key, rollout::Entry entry, base::WallTime when) const;
  using Messages = std::vector<notify::Message>;
  /// What a message says beside the decision itself.
  struct Told {
    base::WallTime when;
    std::string stable;
  };
  /// Of a decision that is in force already.
  Told told(const Key& key) const;
  /// Who is to be told of a decision, and what. `config`: the one that the decision is by.
  Messages messages_for(const Key& key, const rollout::Decision& decision,
                        const config::Config& config) const;
  Messages messages_for(const Key& key, const rollout::Decision& decision, const Told& told) const;
  void send(const Messages& messages) const;
  /// Those that the journal remembers from before.
  Messages undelivered() const;
  /// Forgets messages that were committed with what did not happen.
  void take_back(const Messages& messages) const;

  /// Commits what is in force already, with the present state; it is retried until the disk takes
  /// it. People are told of a rollback at once, of anything else when it is committed, in the order
  /// of the decisions. `former`: the models under which the version was until now.
  void commit_after(const Key& key, const rollout::Decision& decision,
                    std::function<void()> committed, std::vector<std::string> former = {});
  /// The same for a decision of an earlier time.
  void commit_after(const Key& key, const rollout::Decision& decision,
                    std::function<void()> committed, const Told& told,
                    std::vector<std::string> former = {});
  /// Commits what may take effect only afterwards, and the messages about it, which the caller then
  /// sends or takes back. `done` on the control thread.
  void commit_first(const Key& key, const rollout::Decision& decision, const Messages& messages,
                    std::function<void(base::Result<void>)> done);
  /// Writes down a decision that has no effect: once, whatever the disk says.
  void record(const Key& key, const rollout::Decision& decision);
  /// Stores what put() was given into the slot, a rollback's words before it.
  void store(const Key& key, const rollout::Decision& decision);
  /// The version beside the canary that the configuration names.
  static std::string stable_of(const config::Config& config, const Key& key);

  /// Writes down the figures that have changed, or all of them.
  void save_figures(bool all);

  /// Puts a decision into memory: the rollout's state, its term by the file, its version.
  void put(const Key& key, base::BasisPoints file, const rollout::Decision& decision);
  /// Logs and counts a decision.
  void tell(const Key& key, const rollout::Decision& decision);

  /// Told when a weight of 0 is in force, with the time since it was decided.
  std::function<void(const Key&, base::Duration)> on_zero_in_force;

 private:
  store::Journal::Record make_record(const Key& key, const rollout::State& state,
                                     const rollout::Decision& decision, const Messages& messages,
                                     base::WallTime when) const;
};

}  // namespace canary::control

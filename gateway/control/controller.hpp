// The control plane's heart: owns configuration, rollout states and weights, and is the only one
// that publishes. Lives on the control thread (its io_context); every call and every callback is on
// that thread. Decisions come from rollout/advance; this performs them in the right order:
//   a lowering: latch slot, publish, journal;   a raise: journal, publish, lift the slot.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/basis.hpp"
#include "control/command_result.hpp"
#include "control/figures.hpp"
#include "control/parts.hpp"
#include "control/start_choice.hpp"
#include "control/views.hpp"
#include "rollout/advance.hpp"

namespace canary::control {

class Controller {
 public:
  explicit Controller(Parts parts);
  ~Controller();

  /// What messages link to; before start().
  void link_to(std::string status_url);

  /// The gateway's own listeners, as they are bound: no endpoint may be one. Before start().
  void forbid(std::vector<config::ListenAddress> own);

  /// What forbids starting on this configuration, by what is remembered and by where the gateway
  /// listens: `stable` names a canary that is latched or not complete, an endpoint is one of the
  /// gateway's own listeners. Empty: start() may be called with it.
  std::vector<std::string> objections(const config::Config& config) const;

  /// Takes the first configuration into force, publishes, and starts the tick and the watcher.
  /// `on_ready` runs when the first table is in force. With `fallback` (this is the last accepted
  /// text, the present file is broken) no weight is above the one last in force. A raise that
  /// cannot be committed is left out and tried again.
  void start(Started started, std::function<void()> on_ready);
  void stop();
  /// One look of the judge at what was observed.
  void tick();

  void reload(std::string actor, Done done);
  void set_flag(const std::string& canary_version, base::BasisPoints percentage,
                rollout::Actor actor, Done done, Basis basis = {});
  void clear_flag(const std::string& canary_version, rollout::Actor actor, Done done,
                  Basis basis = {});
  void rollback(const std::string& model, rollout::Mode mode, rollout::Actor actor, Done done,
                Basis basis = {});
  void resume(const std::string& model, rollout::Actor actor, Done done, Basis basis = {});
  void promote(const std::string& model, rollout::Actor actor, Done done, Basis basis = {});
  void pause(const std::string& model, rollout::Actor actor, Done done, Basis basis = {});
  void complaint(const std::string& model, bool critical, rollout::Actor actor, Done done,
                 Basis basis = {});

  /// Opens the latch of a version that the file does not name, and frees its slot. 404: nothing is
  /// remembered of it; 409: the file names it.
  void forget(const std::string& version, rollout::Actor actor, Done done, Basis basis = {});

  StatusView status() const;
  /// What was counted in the model's present rollout, this moment included (control/figures); of a
  /// model without a canary, in that of its stable version.
  std::vector<Figure> figures(const std::string& model) const;
  std::vector<LatchedView> latched() const;
  const config::Config& config() const;
  std::shared_ptr<const traffic::VersionAnswers> answers() const;  // of the table in force
  void history(std::string model, std::size_t limit,
               std::function<void(base::Result<std::vector<store::HistoryRow>>)> done);
  std::vector<RollbackCount> rollbacks() const;
  std::vector<RefusalCount> refusals() const;
  std::vector<EndpointCount> endpoint_counts() const;
  const stats::Registry& registry() const;
  void set_draining();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace canary::control

// What is written down of decisions, and who is told of them: rows of the journal, slots and notes
// of the latch file, messages in the outbox. When each is written is control/transition's. Control
// thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control/control_thread.hpp"
#include "control/entry_limit.hpp"
#include "control/figures.hpp"
#include "control/in_force.hpp"
#include "control/parts.hpp"
#include "control/rollouts.hpp"
#include "control/telling.hpp"

namespace canary::control {

class Ledger {
 public:
  /// All that it is given outlives it.
  Ledger(const Parts& parts, const ControlThread& thread, const InForce& in_force,
         Rollouts& rollouts);

  using Messages = std::vector<notify::Message>;
  /// What a message says beside the decision itself.
  struct Told {
    base::WallTime when;
    std::string stable;
  };

  /// Commits what may take effect only afterwards, and the messages about it, which the caller then
  /// sends or takes back. `done` on the control thread.
  void commit_first(const Key& key, const rollout::Decision& decision, const Messages& messages,
                    std::function<void(base::Result<void>)> done);
  /// Commits what is in force already, with the present state; it is retried until the disk takes
  /// it. People are told of a rollback at once, of anything else when it is committed, in the order
  /// of the decisions. `former`: the models under which the version was until now.
  void commit_after(const Key& key, const rollout::Decision& decision,
                    std::function<void()> committed, std::vector<std::string> former = {});
  /// The same for a decision of an earlier time.
  void commit_after(const Key& key, const rollout::Decision& decision,
                    std::function<void()> committed, const Told& told,
                    std::vector<std::string> former = {});
  /// Writes down a decision that has no effect: once, whatever the disk says.
  void record(const Key& key, const rollout::Decision& decision);
  /// Writes down the rollout's present state, which no decision has changed: its clocks, or an
  /// attempt that all versions of the model have seen.
  void save_state(const Key& key, bool retried);

  /// Stores the rollout's present terms into its slot, a rollback's words before it.
  void store_slot(const Key& key, const rollout::Decision& decision);

  /// Who is to be told of a decision, and what. `config`: the one that the decision is by.
  Messages messages_for(const Key& key, const rollout::Decision& decision,
                        const config::Config& config) const;
  void send(const Messages& messages) const;
  /// Those that the journal remembers from before.
  Messages undelivered() const;
  /// Forgets messages that were committed with what did not happen.
  void take_back(const Messages& messages) const;

  /// Looks at what was counted since the last look, by the present phases.
  void look_at_figures();
  /// Writes down the figures that have changed, or all of them.
  void save_figures(bool all);
  const Figures& figures() const { return figures_; }

  EntryLimit entry_limit;

 private:
  Told told(const Key& key) const;
  Messages messages_for(const Key& key, const rollout::Decision& decision, const Told& told) const;
  store::Journal::Record make_record(const Key& key, const rollout::State& state,
                                     const rollout::Decision& decision, const Messages& messages,
                                     base::WallTime when) const;

  const Parts& parts_;
  const ControlThread& thread_;
  const InForce& in_force_;
  Rollouts& rollouts_;
  Telling telling_;
  Figures figures_;
};

}  // namespace canary::control

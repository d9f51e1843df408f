// The rollouts' states in memory, each (model, canary version) that was ever configured, merged at
// the start from database and latch file. Keeps, never decides. Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "control/gate.hpp"
#include "rollout/advance.hpp"
#include "store/latch_file.hpp"

namespace canary::control {

struct Rollout {
  rollout::State state;
  base::BasisPoints file = 0;  // the file's term in force; 0 while the file does not name it
  std::uint64_t version = 0;   // grows with each change: a commit that finds another was overtaken
  unsigned uncommitted = 0;    // lowerings in force whose commit has not come back
  bool recovered = false;      // the latch file was lower than the database at the start
  bool unrecorded_rollback = false;  // and that was a rollback nobody was told of for certain
  std::string last_refusal;
  // Since when the weight has been in force without a change, for the hold clock.
  std::optional<base::MonoTime> counted_until;
  base::Duration checkpointed{};                 // progress() as last written down
  std::optional<base::Duration> in_force_after;  // how long the last weight of 0 took
  std::optional<base::MonoTime> cut_off;  // when a file that ended early did not name it any more
  std::optional<base::MonoTime> not_before;  // a raise of its plan was not committed: wait
  rollout::Weight weight() const { return rollout::weigh(file, state); }
  /// The sum of the clocks that only grow: what a checkpoint keeps.
  base::Duration progress() const {
    return state.spent + state.rung_spent + state.watched + state.stable_for;
  }
};

class Rollouts {
 public:
  Rollouts(store::LatchFile& latch, std::vector<rollout::State> remembered);

  /// The rollout, with a slot of its own in the latch file from now on; a new one begins with the
  /// file's `attempt`. At the start its file term is the one last in force; later it comes from
  /// nothing. The error is the latch file's (full, name too long).
  base::Result<void> ensure(const Key& key, std::uint32_t attempt, bool at_start);
  Rollout* find(const Key& key);
  const Rollout* find(const Key& key) const;
  /// Only for a key that was ensured.
  Rollout& at(const Key& key) { return rollouts_.at(key); }

  /// The rollouts that have a file term although the configuration does not name them.
  std::vector<Key> absent_from(const config::Config& config) const;

  /// The rollouts of which the latch file knows something lower than the database.
  std::vector<Key> recovered() const;

  /// Stores the rollout's present terms into its slot.
  void store_slot(const Key& key);

  /// Why `stable` may not be what the model says; empty when it may.
  std::string objection(const config::Model& model) const;

  /// The effective weights of the models that have a canary.
  std::map<std::string, base::BasisPoints> weights(const config::Config& config) const;

 private:
  store::LatchFile& latch_;
  std::map<Key, Rollout> rollouts_;
};

inline Key key_of(const config::Model& model) {
  return {model.name, model.canary ? model.canary->name : std::string()};
}

}  // namespace canary::control

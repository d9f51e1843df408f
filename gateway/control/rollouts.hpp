// The rollouts' states in memory, each (model, canary version) that was ever configured, merged at
// the start from database and latch file. Keeps, never decides. Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
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
  /// Lowerings in force whose commit has not come back. Shared with the commits: the key may be
  /// another rollout's when they come back.
  std::shared_ptr<unsigned> uncommitted = std::make_shared<unsigned>(0);
  bool fresh = false;                // made for a file that is not in force yet
  bool attempt_unknown = false;      // its slot was damaged: the file's attempt opens nothing
  bool recovered = false;            // the latch file was lower than the database at the start
  bool unrecorded_rollback = false;  // and that was a rollback nobody was told of for certain
  bool unrecorded_number = false;    // the database does not have the last rollback's number
  std::string last_refusal;
  base::WallTime decided{};  // when the present state was decided
  std::string stable;        // that was beside the canary then
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

  /// The rollout of the model's canary, with a slot of its own in the latch file from now on; a new
  /// one begins with the file's `attempt`. The error is the latch file's (full, name too long).
  base::Result<void> ensure(const config::Model& model);
  /// What is remembered of the same version under other models, taken over: version names are
  /// unique in a file, so a renamed model and a version that moved are the same version. The weight
  /// goes on where the former model is gone from the file (a new name); else it begins at 0. Also
  /// the highest attempt that any version of the model has seen. May be called again until
  /// settle().
  /// `in_force`: an attempt that is there for the model without this version has been seen, too.
  void inherit(const config::Model& model, const config::Config& file,
               const config::Config& in_force);
  /// The other models under which the version is remembered.
  std::vector<Key> former(const Key& key) const;
  /// The same for a version that the file names as stable: it has no slot to take.
  void take_over(const Key& key);
  /// The file is in force: what was made for it stays, the former names are gone.
  void settle(const Key& key);
  /// The file was refused: what was made for it is forgotten.
  void forget_fresh();
  /// Every version of the model has seen the attempt, and so will one that comes to it; those that
  /// had not yet.
  std::vector<Key> spread(const std::string& model, std::uint32_t attempt);
  /// Where more than a thousand models have seen attempts, forgets those that the file does not
  /// name and no version remembers.
  void forget_models(const config::Config& config);
  /// Grows with each change of the version, under whatever model.
  std::uint64_t version(const Key& key) const;

  /// A version that neither file names and that carries nothing that holds a weight down needs no
  /// slot; frees all of them when slots become few.
  void free_unneeded(const config::Config& one, const config::Config& other);
  /// The rollouts that keep their slot because they are latched, held down or named.
  std::size_t needed_slots(const config::Config& config) const;
  /// The database may know of what holds a weight down and has no slot, because the latch file was
  /// lost: it must not be the only one that knows.
  void take_missing_slots();
  void free_slot(const Key& key) { latch_.free(key.first, key.second); }
  /// All that are latched, in order.
  std::vector<const Rollout*> latched() const;
  std::vector<Key> of_version(const std::string& canary) const;

  Rollout* find(const Key& key);
  const Rollout* find(const Key& key) const;
  /// Only for a key that was ensured.
  Rollout& at(const Key& key) { return rollouts_.at(key); }

  /// The rollouts that have a file term although the configuration does not name them.
  std::vector<Key> absent_from(const config::Config& config) const;
  bool has_slot(const Key& key) const { return latch_.read(key.first, key.second).has_value(); }

  /// The rollouts of which the latch file knows something lower than the database.
  std::vector<Key> recovered() const;

  /// Stores the rollout's present terms into its slot.
  void store_slot(const Key& key);

  /// Why `stable` may not be what the model says; empty when it may.
  std::string objection(const config::Model& model) const;

  /// The effective weights of the models that have a canary.
  std::map<std::string, base::BasisPoints> weights(const config::Config& config) const;

 private:
  /// `rollbacks`: how many of the version's the database knows.
  void merge(const Key& key, store::LatchSlot slot, bool recorded, std::uint32_t rollbacks);
  std::uint32_t highest_attempt(const std::string& model) const;
  const Rollout* find_version(const std::string& model, const std::string& version) const;

  store::LatchFile& latch_;
  std::map<Key, Rollout> rollouts_;
  std::map<std::string, std::uint32_t> seen_;  // the highest attempt in force, by model
};

inline Key key_of(const config::Model& model) {
  return {model.name, model.canary ? model.canary->name : std::string()};
}

}  // namespace canary::control

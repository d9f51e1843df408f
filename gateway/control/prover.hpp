// What follows a weight of 0: the proof that nothing reaches the canary any more, step by step, and
// the watch of stable afterwards. Looks; rollout::advance decides what it means. Control thread.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "control/runner.hpp"

namespace canary::control {

class Prover {
 public:
  Prover(Core& core, Runner& runner) : core_(core), runner_(runner) {}

  /// The table that took the weight away is in force. `elapsed`: since the request, or the command,
  /// that decided it.
  void in_force(const Key& key, base::Duration elapsed);
  /// Goes on where there is something to see. `elapsed`: since the last look, for the watch.
  void tick(const config::Model& model, base::Duration elapsed, base::MonoTime now);

 private:
  struct Proof {
    std::optional<base::Duration> took;      // until it was in force; unknown after a restart
    std::optional<base::MonoTime> since;     // of the present step
    std::optional<base::MonoTime> next_ask;  // not before
    rollout::ProofStep step = rollout::ProofStep::none;
    bool closed = false;  // what was in flight was told to end
    std::uint64_t closed_count = 0;
    bool asking = false;  // an answer is awaited
    std::string answer;   // the last one that was not it
  };

  void drain(const Key& key, const config::Model& model, Proof& proof, base::MonoTime now);
  void ask(const Key& key, const config::Model& model, Proof& proof, base::MonoTime now);
  void answered(const Key& key, const std::string& expected, const base::Result<std::string>& body);
  void prove(const Key& key, rollout::ProofStep step, std::string what, bool holds = true);

  Core& core_;
  Runner& runner_;
  std::map<Key, Proof> proofs_;
};

}  // namespace canary::control

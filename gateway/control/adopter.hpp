// Takes a valid configuration into force, as one transaction: names resolved, latch slots taken,
// raises committed, published, journaled, kept as the last accepted one. Control thread.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/basis.hpp"
#include "control/command_result.hpp"
#include "control/transition.hpp"

namespace canary::control {

/// A configuration that parsed and validated, on its way into force.
struct Candidate {
  config::Config config;
  std::string text;
  std::vector<std::string> warnings;
  bool fallback = false;    // the last accepted text, because the present file is broken
  bool first = false;       // at start: a raise that cannot be committed is left out, not refused
  bool cut_short = false;   // the file seems to end early, and canaries are missing
  bool incomplete = false;  // that happened: the file should be taken up again
};

class Adopter {
 public:
  explicit Adopter(Core& core) : core_(core) {}

  /// `done`: 200 when it is in force; 422 or 503 when it is refused, and nothing has changed.
  void adopt(std::shared_ptr<Candidate> candidate, Done done);

 private:
  struct Attempt {
    std::shared_ptr<Candidate> candidate;
    Done done;
    std::shared_ptr<Transition> transition;  // a step for each canary of the candidate
    int tries = 0;
  };
  using AttemptPtr = std::shared_ptr<Attempt>;

  base::Result<void> take_slots(const Candidate& candidate);
  void decide(const AttemptPtr& attempt);
  void committed(const AttemptPtr& attempt, const Transition::Commit& commit);
  void withdraw(const AttemptPtr& attempt, const Transition::Commit& commit);
  void refuse(const AttemptPtr& attempt, const std::string& why);
  void take_effect(const AttemptPtr& attempt);
  std::vector<Step> move_versions(const config::Config& next);
  Step moved_step(const Key& key, const std::vector<Key>& former) const;
  std::vector<Step> close_absent(const Candidate& candidate);
  void spread_attempts(const config::Config& config);
  bool goes_on(const Rollout& rollout) const;
  void check_descriptors();
  void keep_text(const Candidate& candidate);

  Core& core_;
  std::pair<std::uint32_t, std::size_t> few_descriptors_{};  // as last logged
};

}  // namespace canary::control

// Takes a valid configuration into force, as one transaction: names resolved, latch slots taken,
// raises committed, published, journaled, kept as the last accepted one. Control thread.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/runner.hpp"

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
  Adopter(Core& core, Runner& runner) : core_(core), runner_(runner) {}

  /// `done`: 200 when it is in force; 422 or 503 when it is refused, and nothing has changed.
  void adopt(std::shared_ptr<Candidate> candidate, Done done);

 private:
  struct Attempt {
    std::shared_ptr<Candidate> candidate;
    Done done;
    std::vector<Step> steps;               // one for each canary of the candidate
    std::vector<std::uint64_t> versions;   // of each step's version, when it was decided
    std::vector<Core::Messages> messages;  // of each step, where it raises
    base::MonoTime decided{};
    std::size_t uncommitted = 0;
    std::string failure;  // of a commit
    int tries = 0;
  };
  using AttemptPtr = std::shared_ptr<Attempt>;

  base::Result<void> take_slots(const Candidate& candidate);
  void decide(const AttemptPtr& attempt);
  void commit_raises(const AttemptPtr& attempt);
  void refuse(const AttemptPtr& attempt, const std::string& why);
  void all_committed(const AttemptPtr& attempt);
  void take_back(const AttemptPtr& attempt);
  void take_effect(const AttemptPtr& attempt);
  void move_versions(const config::Config& next);
  void move_version(const Key& key);
  void spread_attempts(const config::Config& config);
  std::vector<Step> close_promoted(const config::Config& next);
  std::vector<Step> retire_absent(const Candidate& candidate);
  bool goes_on(const Rollout& rollout) const;
  bool raises(const Step& step) const;
  void check_descriptors();
  void keep_text(const Candidate& candidate);

  Core& core_;
  Runner& runner_;
  std::pair<std::uint32_t, std::size_t> few_descriptors_{};  // as last logged
};

}  // namespace canary::control

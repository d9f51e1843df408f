// Logs and counts decisions. Control thread.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "control/rollouts.hpp"
#include "control/views.hpp"
#include "rollout/advance.hpp"

namespace canary::control {

class DecisionLog {
 public:
  explicit DecisionLog(Rollouts& rollouts) : rollouts_(rollouts) {}

  /// A refusal is kept in the rollout, too: the status shows it.
  void write(const Key& key, const rollout::Decision& decision);
  std::vector<RollbackCount> rollbacks() const;  // since the start
  std::vector<RefusalCount> refusals() const;

 private:
  struct Kind {
    std::string model, trigger;
    rollout::Mode mode = rollout::Mode::immediate;
    auto operator<=>(const Kind&) const = default;
  };
  Rollouts& rollouts_;
  std::map<Kind, std::uint64_t> rollbacks_;
  std::map<std::string, std::uint64_t> refusals_;
};

}  // namespace canary::control

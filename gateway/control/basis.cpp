#include "control/basis.hpp"

namespace canary::control {
namespace {

std::string phase_name(std::uint32_t phase) {
  return phase == 0 ? "no phase" : "phase " + std::to_string(phase);
}

}  // namespace

std::string Basis::broken_by(const rollout::State& state) const {
  constexpr const char* what_to_do = ": nothing was done; look at the status and decide anew";
  if (phase && *phase != state.phase)
    return "decided on " + phase_name(*phase) + ", but " + state.canary + " is in " +
           phase_name(state.phase) + " now (" + state.reason + ")" + what_to_do;
  if (rollback && *rollback != state.rollbacks)
    return "decided on rollback number " + std::to_string(*rollback) + ", but " + state.canary +
           " has had " + std::to_string(state.rollbacks) + " by now (" + state.reason + ")" +
           what_to_do;
  if (status_is_same && !status_is_same())
    return std::string("decided on a status that has changed since (If-Match)") + what_to_do;
  return {};
}

}  // namespace canary::control

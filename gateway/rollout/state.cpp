#include "rollout/state.hpp"

#include <array>

namespace canary::rollout {

std::string_view name(Status status) {
  switch (status) {
    case Status::idle:
      return "idle";
    case Status::running:
      return "running";
    case Status::paused:
      return "paused";
    case Status::gate:
      return "gate";
    case Status::held:
      return "held";
    case Status::rolling_back:
      return "rolling_back";
    case Status::rolled_back:
      return "rolled_back";
    case Status::complete:
      return "complete";
  }
  return "idle";
}

std::optional<Status> parse_status(std::string_view text) {
  constexpr std::array all{Status::idle,        Status::running, Status::paused,
                           Status::gate,        Status::held,    Status::rolling_back,
                           Status::rolled_back, Status::complete};
  for (const Status status : all)
    if (name(status) == text) return status;
  return std::nullopt;
}

std::string_view name(ProofStep step) {
  switch (step) {
    case ProofStep::none:
      return "none";
    case ProofStep::publishing:
      return "publishing";
    case ProofStep::draining:
      return "draining";
    case ProofStep::asking:
      return "asking";
    case ProofStep::watching:
      return "watching";
  }
  return "none";
}

std::optional<ProofStep> parse_proof_step(std::string_view text) {
  constexpr std::array all{ProofStep::none, ProofStep::publishing, ProofStep::draining,
                           ProofStep::asking, ProofStep::watching};
  for (const ProofStep step : all)
    if (name(step) == text) return step;
  return std::nullopt;
}

std::string_view name(Weight::Limit limit) {
  switch (limit) {
    case Weight::Limit::file:
      return "file";
    case Weight::Limit::flag:
      return "flag";
    case Weight::Limit::phase:
      return "phase";
    case Weight::Limit::cap:
      return "cap";
  }
  return "file";
}

Weight weigh(BasisPoints file, const State& state) {
  Weight weight;
  weight.file = file;
  weight.flag = state.flag.value_or(full_weight);
  weight.phase = state.phase_limit;
  weight.cap = state.latched ? BasisPoints{0} : state.cap;
  // From the least binding to the most: of equal terms the later one is named.
  weight.effective = weight.file;
  weight.limited_by = Weight::Limit::file;
  const auto limit = [&weight](BasisPoints term, Weight::Limit by) {
    if (term > weight.effective) return;
    // Full is the absence of a limit: the file's 100% is not limited by an absent flag.
    if (term == full_weight) return;
    weight.effective = term;
    weight.limited_by = by;
  };
  limit(weight.phase, Weight::Limit::phase);
  limit(weight.flag, Weight::Limit::flag);
  limit(weight.cap, Weight::Limit::cap);
  return weight;
}

}  // namespace canary::rollout

#include "control/prover.hpp"

#include <algorithm>

#include "base/json_text.hpp"

namespace canary::control {
namespace {

using rollout::ProofStep;

// After drain: what was told to end has this long to be gone from the counters.
constexpr auto ending_time = std::chrono::seconds(5);
constexpr auto ask_interval = std::chrono::seconds(1);
constexpr auto ask_for_at_most = std::chrono::seconds(30);

std::string seconds_text(base::Duration duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  if (seconds < 1) return base::format_number(seconds * 1000, 3) + " ms";
  return base::format_number(seconds, 3) + " s";
}

std::uint64_t in_flight(const stats::Registry& registry, const Key& key) {
  for (const auto& version : registry.all())
    if (version->model == key.first && version->version == key.second) return version->in_flight();
  return 0;
}

}  // namespace

void Prover::in_force(const Key& key, base::Duration elapsed) {
  proofs_[key] = Proof{};
  proofs_[key].took = elapsed;
}

void Prover::prove(const Key& key, ProofStep step, std::string what, bool holds) {
  runner_.note(key, rollout::Proved{step, std::move(what), holds});
}

void Prover::tick(const config::Model& model, base::Duration elapsed, base::MonoTime now) {
  const Key key = key_of(model);
  const rollout::State& state = core_.rollouts.at(key).state;
  if (state.proof == ProofStep::none) {
    proofs_.erase(key);
    return;
  }
  if (core_.gate.busy()) return;  // a raise is on its way: nothing is written behind it
  Proof& proof = proofs_[key];
  if (proof.step != state.proof) {
    proof.step = state.proof;
    proof.since = now;
  }
  switch (state.proof) {
    case ProofStep::none:
      return;
    case ProofStep::publishing:
      if (!core_.publisher.settled()) return;
      return prove(
          key, ProofStep::publishing,
          "no request is picked for " + key.second + " any more: in force on every worker" +
              (proof.took ? " " + seconds_text(*proof.took) + " after the deciding request"
                          : ", after a restart"));
    case ProofStep::draining:
      return drain(key, model, proof, now);
    case ProofStep::asking:
      return ask(key, model, proof, now);
    case ProofStep::watching:
      return runner_.note(key, rollout::Watched{core_.measure.stable(model), elapsed});
  }
}

void Prover::drain(const Key& key, const config::Model& model, Proof& proof, base::MonoTime now) {
  const std::uint64_t left = in_flight(core_.parts.registry, key);
  const base::Duration waited = now - *proof.since;
  if (left == 0) {
    const std::string text =
        proof.closed ? std::to_string(proof.closed_count) + " requests to " + key.second +
                           " were still in flight after rollback.drain of " +
                           base::format_duration(model.rollback.drain) + " and were closed"
                     : "the last request to " + key.second + " has ended, " + seconds_text(waited) +
                           " later";
    return prove(key, ProofStep::draining, text);
  }
  if (waited < model.rollback.drain) return;
  if (model.override_ && model.override_->at_zero)
    return prove(key, ProofStep::draining,
                 std::to_string(left) + " requests are in flight to " + key.second +
                     ": override.at_zero lets people choose it still");
  if (!proof.closed) {
    proof.closed = true;
    proof.closed_count = left;
    return core_.parts.data_plane.end_requests(key.first, key.second);
  }
  if (waited < model.rollback.drain + ending_time) return;
  prove(key, ProofStep::draining,
        std::to_string(left) + " requests to " + key.second + " are still counted as in flight " +
            seconds_text(waited) + " after the weight was 0, although they were closed",
        false);
}

void Prover::ask(const Key& key, const config::Model& model, Proof& proof, base::MonoTime now) {
  if (proof.asking || (proof.next_ask && now < *proof.next_ask)) return;
  if (!core_.parts.ask_version)
    return prove(key, ProofStep::asking, "/internal/model-version was not asked over the wire");
  const std::string expected = "{\"model\":" + base::json_string(model.stable.name) + "}";
  if (now - *proof.since >= ask_for_at_most)
    return prove(key, ProofStep::asking,
                 "/internal/model-version does not say so: expected " + expected + ", found " +
                     (proof.answer.empty() ? "no answer" : proof.answer),
                 false);
  proof.asking = true;
  proof.next_ask = now + ask_interval;
  core_.parts.ask_version(
      key.first,
      core_.thread.callback([this, key, expected](const base::Result<std::string>& body) {
        answered(key, expected, body);
      }));
}

void Prover::answered(const Key& key, const std::string& expected,
                      const base::Result<std::string>& body) {
  const auto found = proofs_.find(key);
  if (found == proofs_.end()) return;
  Proof& proof = found->second;
  proof.asking = false;
  if (proof.step != ProofStep::asking) return;
  constexpr std::size_t shown = 200;
  proof.answer = body ? body->substr(0, shown) : body.error().message();
  if (body && *body == expected && !core_.gate.busy())
    prove(key, ProofStep::asking, "GET /internal/model-version answers " + expected);
}

}  // namespace canary::control

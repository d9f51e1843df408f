#include "control/core.hpp"

#include "base/random.hpp"

namespace canary::control {

Core::Core(Parts given)
    : parts(std::move(given)),
      thread(parts.io),
      rollouts(parts.latch(), std::move(parts.state.journal.states)),
      ledger(parts, thread, in_force, rollouts),
      log(rollouts),
      publisher(parts.clock, parts.data_plane, parts.registry),
      measure(parts.quality),
      resolver(
          parts.io, [this] { publish({}); }, parts.resolve ? parts.resolve : Resolver::system()),
      probes(parts.clock, parts.send_probe, base::random_seed()),
      endpoints(parts.clock, probes) {
  in_force.view.path = parts.config_path;
}

void Core::publish(std::function<void()> then) {
  ledger.look_at_figures();  // the versions may be others
  publisher.publish(
      in_force.config, rollouts.weights(in_force.config),
      [this](const config::EndpointUrl& url) { return own.allowed(url, resolver.lookup(url)); },
      std::move(then));
  measure.follow(*publisher.table(), parts.clock.mono());
  endpoints.follow(publisher.table());
  probes.follow(*publisher.table());
}

void Core::put(const Key& key, base::BasisPoints file, const rollout::Decision& decision) {
  Rollout& rollout = rollouts.at(key);
  const auto before = rollout.weight().effective;
  const auto phase = rollout.state.phase;
  const auto cap = rollout.state.cap;
  const auto attempt = rollout.state.attempt;
  rollout.state = decision.next;
  rollout.decided = parts.clock.wall();
  if (std::string stable = stable_of(in_force.config, key); !stable.empty() && stable != key.second)
    rollout.stable = std::move(stable);
  rollout.counted_until.reset();
  rollout.file = file;
  ++rollout.version;
  if (!decision.refused && decision.entry) rollout.last_refusal.clear();
  if (phase != rollout.state.phase || attempt != rollout.state.attempt) {
    ledger.look_at_figures();
    ledger.save_figures(false);
  }
  // The return from 0 is judged on its own evidence, whatever took the weight away, and so are each
  // phase and each rung. What took the weight away stays to be read.
  const auto after = rollout.weight().effective;
  if ((before == 0) != (after == 0) || phase != rollout.state.phase || cap != rollout.state.cap)
    measure.restart(key.first, parts.clock.mono(), before > 0 && after == 0);
}

}  // namespace canary::control

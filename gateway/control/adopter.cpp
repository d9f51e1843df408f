#include "control/adopter.hpp"

#include <algorithm>

#include "base/descriptors.hpp"
#include "log/log.hpp"

namespace canary::control {
namespace {

constexpr int most_tries = 3;
// A canary that a file which ended early did not name keeps its phase for so long.
constexpr base::Duration cut_off_patience = std::chrono::minutes(10);

Outcome refusal(int status, std::string message) {
  Outcome outcome;
  outcome.status = status;
  outcome.message = std::move(message);
  return outcome;
}

}  // namespace

void Adopter::adopt(std::shared_ptr<Candidate> candidate, Done done) {
  if (auto taken = take_slots(*candidate); !taken) {
    if (!candidate->first) {
      core_.rollouts.forget_fresh();
      return done(refusal(422, taken.error().message()));
    }
    log::error("latch_slot_missing", {{"error", taken.error().message()}});
  }
  auto attempt = std::make_shared<Attempt>();
  attempt->candidate = std::move(candidate);
  attempt->done = std::move(done);
  core_.resolver.use(endpoints_of(attempt->candidate->config),
                     [this, attempt](const std::vector<std::string>& unresolved) {
                       for (const auto& name : unresolved)
                         attempt->candidate->warnings.push_back(
                             name + " does not resolve: its endpoints count as down until it does");
                       decide(attempt);
                     });
}

/// Every canary has its slot before it can have weight: a lowering must never find the file full.
base::Result<void> Adopter::take_slots(const Candidate& candidate) {
  base::Result<void> result;
  core_.rollouts.free_unneeded(core_.in_force.config, candidate.config);
  for (const auto& model : candidate.config.models) {
    if (!model.canary) continue;
    if (auto taken = core_.rollouts.ensure(model); !taken) result = taken;
    core_.rollouts.inherit(model, candidate.config, core_.in_force.config);
  }
  return result;
}

bool Adopter::goes_on(const Rollout& rollout) const {
  return rollout.cut_off && core_.parts.clock.mono() - *rollout.cut_off < cut_off_patience;
}

void Adopter::decide(const AttemptPtr& attempt) {
  const Candidate& candidate = *attempt->candidate;
  std::vector<Step> steps;
  for (const auto& model : candidate.config.models) {
    if (!model.canary) continue;
    const Key key = key_of(model);
    // It may have been lowered since.
    core_.rollouts.inherit(model, candidate.config, core_.in_force.config);
    const Rollout& rollout = core_.rollouts.at(key);
    auto file = model.canary->rollout_percentage;
    if (candidate.fallback && core_.parts.latch().read(key.first, key.second))
      file = std::min(file, rollout.file);
    auto decision = rollout::advance(rollout::rules_of(model), rollout.state, rollout.file,
                                     rollout::FileChanged{file, model.attempt, goes_on(rollout)},
                                     core_.parts.clock.wall());
    steps.push_back({key, file, std::move(decision)});
  }
  attempt->transition = Transition::make(core_, std::move(steps), core_.parts.clock.mono());
  if (!attempt->transition->raises()) return take_effect(attempt);
  if (!core_.gate.busy())
    return attempt->transition->commit(
        candidate.config,
        [this, attempt](const Transition::Commit& commit) { committed(attempt, commit); });
  const bool waits = core_.gate.wait(
      {}, [this, attempt] { decide(attempt); }, [] {});
  if (!waits) refuse(attempt, "too many raises are waiting for the disk");
}

void Adopter::refuse(const AttemptPtr& attempt, const std::string& why) {
  core_.resolver.keep_only(endpoints_of(core_.in_force.config));
  core_.rollouts.forget_fresh();
  attempt->done(refusal(503, "not taken up, because its raise could not be written down: " + why));
}

void Adopter::committed(const AttemptPtr& attempt, const Transition::Commit& commit) {
  const bool gives_up = commit.overtaken && ++attempt->tries >= most_tries;
  if (!commit.error.empty() || gives_up) {
    withdraw(attempt, commit);
    if (!attempt->candidate->first) {
      core_.gate.leave();
      return refuse(attempt,
                    commit.error.empty() ? "other decisions kept overtaking it" : commit.error);
    }
  } else if (commit.overtaken) {
    attempt->transition->take_back_messages();
    core_.gate.leave();
    return decide(attempt);
  }
  take_effect(attempt);
  core_.gate.leave();
}

/// At start the raises are dropped and the rest goes on; the text is forgotten, so that the next
/// look tries it again.
void Adopter::withdraw(const AttemptPtr& attempt, const Transition::Commit& commit) {
  attempt->candidate->incomplete |= attempt->transition->raises();
  attempt->transition->withdraw();
  if (attempt->candidate->first)
    attempt->candidate->warnings.push_back(
        "weights stay below the file's, because raising them could not be written down: " +
        commit.error);
}

/// A canary that is no longer named keeps its latch and state, but nothing is in force for it. A
/// completed one that the file names as stable is closed as promoted.
std::vector<Step> Adopter::close_absent(const Candidate& candidate) {
  std::vector<Step> closed;
  const auto now = core_.parts.clock.wall();
  for (const auto& model : candidate.config.models) {
    const Key key{model.name, model.stable.name};
    const Rollout* rollout = core_.rollouts.find(key);
    if (rollout == nullptr) continue;
    auto decision =
        rollout::advance({}, rollout->state, rollout->file, rollout::NamedStable{}, now);
    if (decision.entry) closed.push_back({key, 0, std::move(decision)});
  }
  for (const Key& key : core_.rollouts.absent_from(candidate.config)) {
    if (std::any_of(closed.begin(), closed.end(),
                    [&](const Step& step) { return step.key == key; }))
      continue;  // promoted
    Rollout& rollout = core_.rollouts.at(key);
    if (candidate.cut_short) rollout.cut_off = core_.parts.clock.mono();
    closed.push_back({key, 0,
                      rollout::advance({}, rollout.state, rollout.file,
                                       rollout::Retired{candidate.cut_short}, now),
                      true});
  }
  return closed;
}

/// The file's versions that are remembered under another model are this model's from now on.
std::vector<Step> Adopter::move_versions(const config::Config& next) {
  std::vector<Step> moved;
  const auto move = [&](const Key& key) {
    auto former = core_.rollouts.former(key);
    for (const Key& gone : former) core_.gate.overtake(gone);
    core_.rollouts.settle(key);
    if (!former.empty()) moved.push_back(moved_step(key, former));
  };
  for (const auto& model : next.models) {
    if (model.canary) move(key_of(model));
    const Key stable{model.name, model.stable.name};
    if (core_.rollouts.former(stable).empty()) continue;
    core_.rollouts.take_over(stable);
    move(stable);
  }
  return moved;
}

Step Adopter::moved_step(const Key& key, const std::vector<Key>& former) const {
  const Rollout& rollout = core_.rollouts.at(key);
  Step step{key, rollout.file, {}};
  std::string from;
  for (const Key& gone : former) {
    step.former.push_back(gone.first);
    from += (from.empty() ? "" : " and ") + gone.first;
  }
  step.decision = rollout::advance({}, rollout.state, rollout.file, rollout::Moved{from},
                                   core_.parts.clock.wall());
  return step;
}

/// The highest attempt is the model's: each of its versions has seen it.
void Adopter::spread_attempts(const config::Config& config) {
  core_.rollouts.forget_models(config);
  for (const auto& model : config.models) {
    const Rollout* canary = model.canary ? core_.rollouts.find(key_of(model)) : nullptr;
    const std::uint32_t seen = canary ? canary->state.attempt : model.attempt;
    for (const Key& key : core_.rollouts.spread(model.name, seen))
      core_.ledger.save_state(key, true);
  }
}

void Adopter::take_effect(const AttemptPtr& attempt) {
  const Candidate& candidate = *attempt->candidate;
  core_.in_force.config = candidate.config;
  core_.in_force.adopted = candidate.text;
  std::vector<Step> steps = move_versions(candidate.config);
  for (Step& step : close_absent(candidate)) steps.push_back(std::move(step));
  for (const auto& model : core_.in_force.config.models)
    if (model.canary) core_.rollouts.at(key_of(model)).cut_off.reset();
  core_.in_force.text.reset();
  // A fallback's weights are limited: the same text in the file, once mended, is taken up anew.
  if (!candidate.incomplete && !candidate.fallback) core_.in_force.text = candidate.text;
  ++core_.in_force.view.generation;
  core_.in_force.view.loaded_at = core_.parts.clock.wall();
  core_.in_force.view.warnings = candidate.warnings;
  check_descriptors();
  core_.in_force.view.fallback = candidate.fallback;
  core_.resolver.keep_only(endpoints_of(core_.in_force.config));
  core_.resolver.refresh_every(core_.in_force.config.data.dns_refresh);
  if (core_.parts.notifier)
    core_.parts.notifier->use(core_.in_force.config.notify, core_.in_force.status_url);
  attempt->transition->bring_configuration(std::move(steps));
  attempt->transition->perform([this, attempt](bool) {
    // Only now: a higher attempt that a crash kept from opening a latch may still do so.
    spread_attempts(attempt->candidate->config);
    attempt->done(Outcome{});
  });
  keep_text(candidate);
}

/// A connection takes two descriptors while its request is at a model server.
void Adopter::check_descriptors() {
  if (!core_.parts.descriptors) return;
  const base::DescriptorRoom room = core_.parts.descriptors();
  const std::size_t reachable = base::most_connections(room);
  const std::uint32_t wanted = core_.in_force.config.data.limits.connections;
  if (wanted <= reachable) return;
  const std::pair few(wanted, reachable);
  if (std::exchange(few_descriptors_, few) != few)  // once, however often the file is read
    log::warn("few_descriptors",
              {{"connections", wanted}, {"reachable", reachable}, {"descriptors", room.limit}});
  core_.in_force.view.warnings.push_back("data.limits.connections is " + std::to_string(wanted) +
                                         ", but " + std::to_string(room.limit) +
                                         " descriptors are enough for " +
                                         std::to_string(reachable) + " with a request each");
}

void Adopter::keep_text(const Candidate& candidate) {
  if (candidate.fallback) return;
  core_.parts.journal().perform(
      [&state_dir = core_.parts.state_dir, text = candidate.text] {
        return state_dir.save_accepted(text);
      },
      core_.thread.callback(
          [this, generation = core_.in_force.view.generation](const base::Result<void>& saved) {
            if (saved) return;
            log::warn("config_not_kept", {{"error", saved.error().message()}});
            if (core_.in_force.view.generation != generation) return;
            core_.in_force.view.warnings.push_back("not kept as the last accepted configuration: " +
                                                   saved.error().message());
          }));
}

}  // namespace canary::control

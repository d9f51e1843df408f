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
  core_.rollouts.free_unneeded(core_.config, candidate.config);
  for (const auto& model : candidate.config.models) {
    if (!model.canary) continue;
    if (auto taken = core_.rollouts.ensure(model); !taken) result = taken;
    core_.rollouts.inherit(model, candidate.config, core_.config);
  }
  return result;
}

bool Adopter::raises(const Step& step) const {
  const Rollout& rollout = core_.rollouts.at(step.key);
  return rollout::raises(rollout.state, rollout.file, step.decision.next, step.file);
}

bool Adopter::goes_on(const Rollout& rollout) const {
  return rollout.cut_off && core_.parts.clock.mono() - *rollout.cut_off < cut_off_patience;
}

void Adopter::decide(const AttemptPtr& attempt) {
  attempt->steps.clear();
  attempt->versions.clear();
  attempt->decided = core_.parts.clock.mono();
  for (const auto& model : attempt->candidate->config.models) {
    if (!model.canary) continue;
    const Key key = key_of(model);
    // It may have been lowered since.
    core_.rollouts.inherit(model, attempt->candidate->config, core_.config);
    const Rollout& rollout = core_.rollouts.at(key);
    auto file = model.canary->rollout_percentage;
    if (attempt->candidate->fallback && core_.parts.latch.read(key.first, key.second))
      file = std::min(file, rollout.file);
    auto decision = rollout::advance(rollout::rules_of(model), rollout.state, rollout.file,
                                     rollout::FileChanged{file, model.attempt, goes_on(rollout)},
                                     core_.parts.clock.wall());
    attempt->steps.push_back({key, file, std::move(decision)});
    attempt->versions.push_back(core_.rollouts.version(key));
  }
  const bool any = std::any_of(attempt->steps.begin(), attempt->steps.end(),
                               [this](const Step& step) { return raises(step); });
  if (!any) return take_effect(attempt);
  if (!core_.gate.busy()) return commit_raises(attempt);
  const bool waits = core_.gate.wait(
      {}, [this, attempt] { decide(attempt); }, [] {});
  if (!waits) refuse(attempt, "too many raises are waiting for the disk");
}

void Adopter::refuse(const AttemptPtr& attempt, const std::string& why) {
  core_.resolver.keep_only(endpoints_of(core_.config));
  core_.rollouts.forget_fresh();
  attempt->done(refusal(503, "not taken up, because its raise could not be written down: " + why));
}

void Adopter::commit_raises(const AttemptPtr& attempt) {
  core_.gate.enter();
  attempt->failure.clear();
  for (const Step& step : attempt->steps)
    if (raises(step)) ++attempt->uncommitted;
  attempt->messages.clear();
  for (const Step& step : attempt->steps) {
    attempt->messages.push_back(
        raises(step) ? core_.messages_for(step.key, step.decision, attempt->candidate->config)
                     : Core::Messages{});
    if (!raises(step)) continue;
    core_.commit_raise(step.key, step.decision, attempt->messages.back(),
                       [this, attempt](const base::Result<void>& result) {
                         if (!result) attempt->failure = result.error().message();
                         if (--attempt->uncommitted == 0) all_committed(attempt);
                       });
  }
}

void Adopter::all_committed(const AttemptPtr& attempt) {
  bool overtaken = false;
  for (std::size_t i = 0; i < attempt->steps.size(); ++i)
    if (core_.rollouts.version(attempt->steps[i].key) != attempt->versions[i]) overtaken = true;

  if (!attempt->failure.empty() || (overtaken && ++attempt->tries >= most_tries)) {
    take_back(attempt);
    if (!attempt->candidate->first) {
      core_.gate.leave();
      return refuse(attempt, attempt->failure.empty() ? "other decisions kept overtaking it"
                                                      : attempt->failure);
    }
  } else if (overtaken) {
    for (const auto& messages : attempt->messages) core_.take_back(messages);
    core_.gate.leave();
    return decide(attempt);
  }
  take_effect(attempt);
  core_.gate.leave();
}

/// What was committed for this attempt is overwritten with what is in force. At start the raises
/// are dropped and the rest goes on; the text is forgotten, so that the next look tries it again.
void Adopter::take_back(const AttemptPtr& attempt) {
  for (const auto& messages : attempt->messages) core_.take_back(messages);
  attempt->messages.clear();
  for (Step& step : attempt->steps) {
    if (!raises(step)) continue;
    const Rollout& rollout = core_.rollouts.at(step.key);
    step.decision = rollout::Decision{rollout.state, false, std::nullopt, {}};
    core_.commit_lowering(step.key, step.decision, {});
    step.file = std::min(step.file, rollout.file);
    attempt->candidate->incomplete = true;
  }
  if (attempt->candidate->first)
    attempt->candidate->warnings.push_back(
        "weights stay below the file's, because raising them could not be written down: " +
        attempt->failure);
}

/// A canary that is no longer named keeps its latch and state, but nothing is in force for it.
std::vector<Step> Adopter::retire_absent(const Candidate& candidate) {
  std::vector<Step> retired;
  for (const Key& key : core_.rollouts.absent_from(candidate.config)) {
    Rollout& rollout = core_.rollouts.at(key);
    if (const auto before = rollout.weight().effective; before > 0) {
      rollout::Entry entry{
          rollout::EntryKind::file,
          "gateway",
          key.second + (candidate.cut_short ? " is missing: the file seems to end early"
                                            : " is not the file's canary any more"),
          std::nullopt,
          before,
          0,
          rollout.state.phase};
      retired.push_back({key, 0, {rollout.state, false, std::move(entry), {}}});
    }
    rollout.file = 0;
    if (candidate.cut_short) rollout.cut_off = core_.parts.clock.mono();
    ++rollout.version;
    core_.rollouts.store_slot(key);
    core_.gate.overtake(key);
  }
  return retired;
}

/// A completed canary that the file names as stable is closed as promoted.
std::vector<Step> Adopter::close_promoted(const config::Config& next) {
  std::vector<Step> closed;
  for (const auto& model : next.models) {
    const Key key{model.name, model.stable.name};
    const Rollout* rollout = core_.rollouts.find(key);
    if (rollout == nullptr) continue;
    auto decision = rollout::advance({}, rollout->state, rollout->file, rollout::NamedStable{},
                                     core_.parts.clock.wall());
    if (!decision.entry) continue;
    core_.put(key, 0, decision);
    core_.store(key, decision);
    core_.tell(key, decision);
    closed.push_back({key, 0, std::move(decision)});
  }
  return closed;
}

/// The file's versions that are remembered under another model are this model's from now on.
void Adopter::move_versions(const config::Config& next) {
  for (const auto& model : next.models) {
    if (model.canary) move_version(key_of(model));
    const Key stable{model.name, model.stable.name};
    if (core_.rollouts.former(stable).empty()) continue;
    core_.rollouts.take_over(stable);
    move_version(stable);
  }
}

void Adopter::move_version(const Key& key) {
  std::vector<std::string> former;
  std::string from;
  for (const Key& gone : core_.rollouts.former(key)) {
    former.push_back(gone.first);
    core_.gate.overtake(gone);
    from += (from.empty() ? "" : " and ") + gone.first;
  }
  core_.rollouts.settle(key);
  if (former.empty()) return;
  const Rollout& rollout = core_.rollouts.at(key);
  core_.rollouts.store_slot(key);
  const base::BasisPoints weight = rollout.weight().effective;
  const rollout::Decision decision{
      rollout.state,
      false,
      rollout::Entry{rollout::EntryKind::moved, "gateway",
                     key.second + " is " + key.first + "'s now and was " + from +
                         "'s: its latch, flag and attempt go along",
                     std::nullopt, weight, weight, rollout.state.phase},
      {}};
  core_.commit_lowering(key, decision, {}, {core_.parts.clock.wall(), {}}, std::move(former));
  core_.tell(key, decision);
}

/// The highest attempt is the model's: each of its versions has seen it.
void Adopter::spread_attempts(const config::Config& config) {
  for (const auto& model : config.models) {
    const Rollout* canary = model.canary ? core_.rollouts.find(key_of(model)) : nullptr;
    const std::uint32_t seen = canary ? canary->state.attempt : model.attempt;
    for (const Key& key : core_.rollouts.spread(model.name, seen))
      core_.parts.journal.commit({core_.rollouts.at(key).state, std::nullopt, {}}, true, {});
  }
}

void Adopter::take_effect(const AttemptPtr& attempt) {
  const Candidate& candidate = *attempt->candidate;
  core_.config = candidate.config;
  core_.adopted = candidate.text;
  move_versions(candidate.config);
  std::vector<Step> record = close_promoted(candidate.config);
  for (Step& step : retire_absent(candidate)) {
    core_.tell(step.key, step.decision);
    record.push_back(std::move(step));
  }
  std::vector<std::pair<Key, std::uint64_t>> lift;
  std::vector<Key> zeros;
  for (const Step& step : attempt->steps) {
    core_.rollouts.at(step.key).cut_off.reset();
    const bool raised = raises(step);
    if (!raised && !step.decision.entry && core_.rollouts.at(step.key).file == step.file) continue;
    core_.put(step.key, step.file, step.decision);
    if (raised)
      lift.emplace_back(step.key, core_.rollouts.at(step.key).version);
    else
      core_.store(step.key, step.decision);
    if (!raised && step.decision.entry) record.push_back(step);
    if (!step.decision.trigger.empty()) zeros.push_back(step.key);
  }
  core_.text.reset();
  // A fallback's weights are limited: the same text in the file, once mended, is taken up anew.
  if (!candidate.incomplete && !candidate.fallback) core_.text = candidate.text;
  ++core_.view.generation;
  core_.view.loaded_at = core_.parts.clock.wall();
  core_.view.warnings = candidate.warnings;
  check_descriptors();
  core_.view.fallback = candidate.fallback;
  core_.resolver.keep_only(endpoints_of(core_.config));
  core_.resolver.refresh_every(core_.config.data.dns_refresh);
  if (core_.parts.notifier) core_.parts.notifier->use(core_.config.notify, core_.status_url);
  core_.publish([this, attempt, lift, zeros] {
    for (const Key& key : zeros) runner_.zero_in_force(key, "file", attempt->decided);
    for (const auto& [key, version] : lift)
      if (const Rollout* rollout = core_.rollouts.find(key); rollout && rollout->version == version)
        core_.rollouts.store_slot(key);
    // Only now: a higher attempt that a crash kept from opening a latch may still do so.
    spread_attempts(attempt->candidate->config);
    attempt->done(Outcome{});
  });
  for (const Step& step : record) core_.commit_lowering(step.key, step.decision, {});
  for (const auto& messages : attempt->messages) core_.send(messages);
  for (const Step& step : attempt->steps) core_.tell(step.key, step.decision);
  keep_text(candidate);
}

/// A connection takes two descriptors while its request is at a model server.
void Adopter::check_descriptors() {
  if (!core_.parts.descriptors) return;
  const base::DescriptorRoom room = core_.parts.descriptors();
  const std::size_t reachable = base::most_connections(room);
  const std::uint32_t wanted = core_.config.data.limits.connections;
  if (wanted <= reachable) return;
  const std::pair few(wanted, reachable);
  if (std::exchange(few_descriptors_, few) != few)  // once, however often the file is read
    log::warn("few_descriptors",
              {{"connections", wanted}, {"reachable", reachable}, {"descriptors", room.limit}});
  core_.view.warnings.push_back("data.limits.connections is " + std::to_string(wanted) + ", but " +
                                std::to_string(room.limit) + " descriptors are enough for " +
                                std::to_string(reachable) + " with a request each");
}

void Adopter::keep_text(const Candidate& candidate) {
  if (candidate.fallback) return;
  core_.parts.journal.perform(
      [&state_dir = core_.parts.state_dir, text = candidate.text] {
        return state_dir.save_accepted(text);
      },
      core_.on_control([this, generation = core_.view.generation](const base::Result<void>& saved) {
        if (saved) return;
        log::warn("config_not_kept", {{"error", saved.error().message()}});
        if (core_.view.generation != generation) return;
        core_.view.warnings.push_back("not kept as the last accepted configuration: " +
                                      saved.error().message());
      }));
}

}  // namespace canary::control

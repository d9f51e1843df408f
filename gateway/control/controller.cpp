#include "control/controller.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "control/config_file.hpp"
#include "control/latch_watch.hpp"
#include "control/pause_report.hpp"
#include "control/prover.hpp"
#include "control/recovery.hpp"
#include "control/reloader.hpp"
#include "control/unknown_name.hpp"
#include "log/log.hpp"

namespace canary::control {
namespace {

// A failure that was seen longer ago than this did not decide what a tick decides.
constexpr auto last_tick_window = std::chrono::seconds(2);

}  // namespace

struct Controller::Impl {
  explicit Impl(Parts parts)
      : core(std::move(parts)),
        runner(core),
        prover(core, runner),
        adopter(core),
        file({.io = core.parts.io,
              .path = core.parts.config_path,
              .own_thread = core.parts.watch_file,
              .read = core.parts.read_file,
              .seen = [this](const Look& look) { reloader.seen(look); },
              .stuck = [this] { reloader.stuck(); }}),
        reloader(core, adopter, file),
        latch_watch(core),
        timer(core.parts.io) {
    core.on_zero_in_force = [this](const Key& key, base::Duration elapsed) {
      prover.in_force(key, elapsed);
      if (const config::Model* found = core.in_force.model(key.first);
          found && key_of(*found) == key)
        prover.tick(*found, {}, core.parts.clock.mono());
    };
  }

  Core core;
  Runner runner;
  Prover prover;
  Adopter adopter;
  ConfigFile file;
  Reloader reloader;
  LatchWatch latch_watch;
  boost::asio::steady_timer timer;
  bool draining = false;
  base::MonoTime next_checkpoint{};
  PauseReport pauses;

  void tick();
  void tick_later();
  void age_promoted(const config::Model& model, base::MonoTime now);
  base::Duration elapsed(Rollout& rollout, const config::Model& model, base::MonoTime now);
  void checkpoint(base::MonoTime now, bool last = false);
  void command(const std::string& model, const rollout::Event& event, const Basis& basis,
               const Done& done);
  void flag(const std::string& canary, const rollout::Event& event, const Basis& basis,
            const Done& done);
  ModelView view(const config::Model& model) const;
};

void Controller::Impl::tick() {
  if (!core.publisher.table()) return;
  const auto now = core.parts.clock.mono();
  latch_watch.tick(now);
  if (core.parts.notifier) core.parts.notifier->tick();
  pauses.look(core.parts.clock);
  core.probes.tick();
  core.endpoints.tick();
  core.measure.tick(*core.publisher.table(), now);
  std::vector<Measurement> measurements;
  std::vector<std::pair<const config::Model*, base::Duration>> looks;
  for (const auto& model : core.in_force.config.models) {
    age_promoted(model, now);
    if (!model.canary) continue;
    const Key key = key_of(model);
    Rollout& rollout = core.rollouts.at(key);
    const base::Duration since = elapsed(rollout, model, now);
    looks.emplace_back(&model, since);
    if (rollout.weight().effective == 0) continue;
    const base::Duration ago = core.parts.clock.shared() - core.measure.last_failure(model);
    const bool just_now = ago > base::Duration::zero() && ago < last_tick_window;
    measurements.push_back({key,
                            {core.measure.criteria(model), since, core.measure.stable(model),
                             core.measure.warming_up(model)},
                            just_now ? now - ago : now});
  }
  runner.measured(measurements);
  for (const auto& [model, since] : looks) prover.tick(*model, since, now);
  if (now >= next_checkpoint) checkpoint(now);
}

/// The version that was the canary before this one, or is stable without another: its time of
/// stability goes on.
void Controller::Impl::age_promoted(const config::Model& model, base::MonoTime now) {
  const Key key{model.name, model.stable.name};
  Rollout* rollout = core.rollouts.find(key);
  if (rollout == nullptr || !rollout->state.promoted || core.gate.busy()) return;
  const base::Duration since = elapsed(*rollout, model, now);
  runner.note(key, rollout::Aged{since});
}

/// What the hold clock may count: only time in which the present weight was in force everywhere,
/// and not more at once than the evidence looks back on.
base::Duration Controller::Impl::elapsed(Rollout& rollout, const config::Model& model,
                                         base::MonoTime now) {
  if (!core.publisher.settled()) {
    rollout.counted_until.reset();
    return {};
  }
  const auto since = std::exchange(rollout.counted_until, now);
  return since ? std::min<base::Duration>(now - *since, model.judge.window) : base::Duration{};
}

/// Writes down the hold clocks that have moved; a crash loses no more than one interval of each.
void Controller::Impl::checkpoint(base::MonoTime now, bool last) {
  const bool busy = core.gate.busy();  // a raise is on its way to the disk: not behind it
  if (busy && !last) return;
  core.ledger.look_at_figures();
  core.ledger.save_figures(last);
  if (busy) return;
  next_checkpoint = now + core.parts.checkpoint_interval;
  for (const auto& model : core.in_force.config.models) {
    for (const Key& key : {key_of(model), Key{model.name, model.stable.name}}) {
      Rollout* rollout = core.rollouts.find(key);
      if (rollout == nullptr || rollout->progress() == rollout->checkpointed) continue;
      rollout->checkpointed = rollout->progress();
      core.ledger.save_state(key, false);
    }
  }
}

void Controller::Impl::tick_later() {
  if (core.parts.tick_interval <= base::Duration::zero()) return;
  timer.expires_after(core.parts.tick_interval);
  timer.async_wait([this, alive = core.thread.alive()](boost::system::error_code cancelled) {
    if (cancelled || alive.expired()) return;
    tick();
    tick_later();
  });
}

void Controller::Impl::command(const std::string& name, const rollout::Event& event,
                               const Basis& basis, const Done& done) {
  const config::Model* found = core.in_force.model(name);
  if (found == nullptr) return done(no_such_model(core.in_force.config, name));
  if (!found->canary) {
    Outcome outcome;
    outcome.status = 409;
    outcome.message = name + " has no canary";
    return done(outcome);
  }
  runner.command(key_of(*found), event, basis, done);
}

void Controller::Impl::flag(const std::string& canary, const rollout::Event& event,
                            const Basis& basis, const Done& done) {
  const config::Model* found = nullptr;
  for (const auto& model : core.in_force.config.models) {
    if (!model.canary || model.canary->name != canary) continue;
    if (found != nullptr) {
      Outcome outcome;
      outcome.status = 409;
      outcome.message = canary + " is the canary of both " + found->name + " and " + model.name;
      return done(outcome);
    }
    found = &model;
  }
  if (found == nullptr) return done(no_such_canary(core.in_force.config, canary));
  runner.command(key_of(*found), event, basis, done);
}

ModelView Controller::Impl::view(const config::Model& model) const {
  ModelView view;
  view.model = model.name;
  view.stable = model.stable.name;
  view.stable_endpoints = core.endpoints.view(model, model.stable, core.resolver, core.own);
  if (!model.canary) return view;
  view.canary = model.canary->name;
  view.canary_endpoints = core.endpoints.view(model, *model.canary, core.resolver, core.own);
  const Rollout* rollout = core.rollouts.find(key_of(model));
  view.weight = rollout->weight();
  view.rollout = rollout->state;
  if (const auto* phase = rollout::present_phase(rollout->state, model.plan))
    view.phase = PhaseView{rollout->state.phase, model.plan->phases.size(), phase->percentage,
                           phase->hold,          rollout->state.judged,     rollout->state.spent};
  if (rollout->in_force_after) view.in_force_after = rollout->in_force_after;
  view.policy = model.rollback;
  view.criteria = core.measure.criteria(model);
  view.durable = *rollout->uncommitted == 0;
  view.last_refusal = rollout->last_refusal;
  return view;
}

Controller::Controller(Parts parts) : impl_(std::make_unique<Impl>(std::move(parts))) {}
Controller::~Controller() = default;

void Controller::forbid(std::vector<config::ListenAddress> own) {
  impl_->core.own.forbid(std::move(own));
}

std::vector<std::string> Controller::objections(const config::Config& config) const {
  std::vector<std::string> objections;
  for (const auto& own : impl_->core.own.among(config)) objections.push_back(own.to_string());
  for (const auto& model : config.models)
    if (auto why = impl_->core.rollouts.objection(model); !why.empty())
      objections.push_back(std::move(why));
  return objections;
}

void Controller::start(Started started, std::function<void()> on_ready) {
  Impl& impl = *impl_;
  for (const auto& objection : objections(started.config)) {
    log::error("config_objection", {{"problem", objection}});
    started.warnings.push_back(objection);
  }
  if (impl.core.parts.notifier) {
    impl.core.parts.notifier->use(started.config.notify, impl.core.in_force.status_url);
    impl.core.ledger.send(impl.core.ledger.undelivered());
  }
  recover(impl.core, started.config);
  if (started.fallback) {
    impl.core.in_force.view.last_reload_ok = false;
    impl.core.in_force.view.last_error = "the file was refused; running on the last accepted one";
  }
  auto candidate = std::make_shared<Candidate>();
  candidate->config = std::move(started.config);
  candidate->text = std::move(started.text);
  candidate->warnings = std::move(started.warnings);
  candidate->fallback = started.fallback;
  candidate->first = true;
  impl.adopter.adopt(candidate, [&impl, on_ready = std::move(on_ready)](const Outcome&) {
    impl.pauses.begin(impl.core.parts.clock);
    impl.tick_later();
    if (on_ready) on_ready();
    // Looks at once: the file may have changed, and a fallback's problem is told in full.
    impl.file.watch();
  });
}

void Controller::link_to(std::string status_url) {
  impl_->core.in_force.status_url = std::move(status_url);
}

void Controller::stop() {
  impl_->checkpoint(impl_->core.parts.clock.mono(), true);
  impl_->core.thread.stop();
  impl_->core.publisher.stop();
  impl_->file.stop();
  impl_->timer.cancel();
}

void Controller::tick() { impl_->tick(); }

void Controller::reload(std::string actor, Done done) {
  impl_->reloader.request(std::move(actor), std::move(done));
}

void Controller::set_flag(const std::string& canary_version, base::BasisPoints percentage,
                          rollout::Actor actor, Done done, Basis basis) {
  impl_->flag(canary_version, rollout::SetFlag{percentage, std::move(actor)}, basis, done);
}

void Controller::clear_flag(const std::string& canary_version, rollout::Actor actor, Done done,
                            Basis basis) {
  impl_->flag(canary_version, rollout::ClearFlag{std::move(actor)}, basis, done);
}

void Controller::rollback(const std::string& model, rollout::Mode mode, rollout::Actor actor,
                          Done done, Basis basis) {
  impl_->command(model, rollout::Rollback{std::move(actor), mode}, basis, done);
}

void Controller::resume(const std::string& model, rollout::Actor actor, Done done, Basis basis) {
  impl_->command(model, rollout::Resume{std::move(actor), basis.rollback.has_value()}, basis, done);
}

void Controller::promote(const std::string& model, rollout::Actor actor, Done done, Basis basis) {
  impl_->command(model, rollout::Promote{std::move(actor), basis.names_phase()}, basis, done);
}

void Controller::pause(const std::string& model, rollout::Actor actor, Done done, Basis basis) {
  impl_->command(model, rollout::Pause{std::move(actor)}, basis, done);
}

void Controller::complaint(const std::string& model, bool critical, rollout::Actor actor, Done done,
                           Basis basis) {
  impl_->command(model, rollout::Complaint{std::move(actor), critical}, basis, done);
}

std::vector<Figure> Controller::figures(const std::string& name) const {
  Core& core = impl_->core;
  const config::Model* model = core.in_force.model(name);
  if (model == nullptr) return {};
  core.ledger.look_at_figures();
  if (model->canary) return core.ledger.figures().of(name, model->canary->name);
  auto figures = core.ledger.figures().of(name, model->stable.name);
  return figures.empty() ? core.ledger.figures().of(name, "") : figures;
}

void Controller::forget(const std::string& version, rollout::Actor actor, Done done, Basis basis) {
  Core& core = impl_->core;
  Outcome outcome;
  for (const auto& model : core.in_force.config.models) {
    if (model.stable.name != version && (!model.canary || model.canary->name != version)) continue;
    outcome.status = 409;
    outcome.message = "the file names " + version + " in model " + model.name +
                      ": resume it, or take it out of the file first";
    return done(outcome);
  }
  const auto keys = core.rollouts.of_version(version);
  if (keys.empty()) {
    outcome.status = 404;
    outcome.message = "nothing is remembered of a version " + version;
    return done(outcome);
  }
  // A release before this one may have kept it under several models: all of it or nothing.
  for (const Key& key : keys) {
    outcome.message = basis.broken_by(core.rollouts.at(key).state);
    if (outcome.message.empty()) continue;
    outcome.status = 409;
    outcome.basis_broken = true;
    return done(outcome);
  }
  const auto left = std::make_shared<std::size_t>(keys.size());
  for (const Key& key : keys)
    impl_->runner.command(key, rollout::Forget{actor}, basis,
                          [&core, key, left, done](const Outcome& forgotten) {
                            if (forgotten.status == 200) core.rollouts.free_slot(key);
                            if (--*left == 0) done(forgotten);
                          });
}

std::vector<LatchedView> Controller::latched() const { return impl_->latch_watch.latched(); }

StatusView Controller::status() const {
  const Core& core = impl_->core;
  StatusView status;
  status.config = core.in_force.view;
  if (const auto stuck = impl_->file.stuck_for())
    status.config.last_error = still_waiting(core.parts.config_path, *stuck);
  for (const auto& model : core.in_force.config.models) status.models.push_back(impl_->view(model));
  status.table_generation = core.publisher.published();
  status.in_force_generation = core.publisher.in_force();
  status.draining = impl_->draining;
  status.ready = status.in_force_generation > 0 && !impl_->draining;
  status.state_durable = core.parts.journal().healthy();
  status.latch = impl_->latch_watch.view();
  return status;
}

const config::Config& Controller::config() const { return impl_->core.in_force.config; }

std::shared_ptr<const traffic::VersionAnswers> Controller::answers() const {
  return impl_->core.publisher.answers();
}

void Controller::history(std::string model, std::size_t limit,
                         std::function<void(base::Result<std::vector<store::HistoryRow>>)> done) {
  impl_->core.parts.journal().history(std::move(model), limit,
                                      impl_->core.thread.callback(std::move(done)));
}

std::vector<RollbackCount> Controller::rollbacks() const { return impl_->core.log.rollbacks(); }
std::vector<RefusalCount> Controller::refusals() const { return impl_->core.log.refusals(); }
std::vector<EndpointCount> Controller::endpoint_counts() const {
  return impl_->core.endpoints.counts();
}

const stats::Registry& Controller::registry() const { return impl_->core.parts.registry; }

void Controller::set_draining() { impl_->draining = true; }

}  // namespace canary::control

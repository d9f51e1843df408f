#include "rehearsal/rehearsal.hpp"

#include <algorithm>

namespace canary::rehearsal {
namespace {

using config::Event;
using namespace std::chrono_literals;

// The judge's window keeps 16 samples: a longer step would make it coarse (stats/window).
constexpr base::Duration shortest_step = 250ms, longest_step = 1min;
constexpr int steps_in_window = 15, fine_steps_in_window = 240;
constexpr base::Duration close_look = 30s;  // at every step of a proof
constexpr base::Duration quiet_end = 24h;   // nothing has happened for so long: it is over
constexpr base::Duration after_plan = 48h;

bool repeats_for_ever(const Event& event) {
  return event.every > base::Duration::zero() && !event.until;
}

/// Something that moves the rollout by itself, not only the traffic.
bool decides(const Event& event) {
  return event.file || !event.acts.empty() || event.outage || event.disk_full;
}

/// By time; a row that reached the history late is where it was decided, and a notice follows what
/// it tells of.
void put_in_order(std::vector<Moment>& moments) {
  const auto is_notice = [](const Moment& moment) { return moment.kind == Moment::Kind::notice; };
  std::stable_sort(moments.begin(), moments.end(),
                   [](const Moment& a, const Moment& b) { return a.at < b.at; });
  std::vector<Moment> ordered;
  std::vector<bool> placed(moments.size());
  for (std::size_t i = 0; i < moments.size(); ++i) {
    if (placed[i]) continue;
    const bool of_entry = moments[i].kind == Moment::Kind::entry;
    const bool early = is_notice(moments[i]) &&
                       std::any_of(moments.begin() + static_cast<std::ptrdiff_t>(i), moments.end(),
                                   [&](const Moment& m) { return m.told_by(moments[i]); });
    if (early) continue;
    ordered.push_back(moments[i]);
    for (std::size_t j = 0; of_entry && j < moments.size(); ++j) {
      if (placed[j] || !moments[i].told_by(moments[j])) continue;
      ordered.push_back(moments[j]);
      placed[j] = true;
    }
  }
  moments = std::move(ordered);
}

}  // namespace

Rehearsal::Rehearsal(const Script& script, Progress progress)
    : script_(script),
      progress_(std::move(progress)),
      begin_(clock_.wall()),
      random_(script.seed),
      world_(script.scenario, script.config),
      plane_(world_, random_),
      receivers_(clock_),
      house_(clock_, plane_, receivers_, script.config_name),
      text_(script.config_text) {
  story_.seed = script.seed;
  story_.receivers = script.config.notify.size();
  window_ = longest_step * steps_in_window;
  for (const auto& scripted : script.scenario.models) {
    for (const auto& model : script.config.models) {
      if (model.name != scripted.name) continue;
      window_ = std::min(window_, model.judge.window);
      story_.models.push_back({model.name, model.stable.name, model.canary->name, {}, {}});
    }
  }
  for (const auto& event : script.scenario.events) due_.emplace(event.at, &event);
  end_ = planned_end();
  open_ended_ = !script.scenario.duration;
}

/// The longest plan and two days after the last event, because an event may begin the plan anew.
base::Duration Rehearsal::planned_end() const {
  if (script_.scenario.duration) return *script_.scenario.duration;
  base::Duration plan{}, last{};
  for (const auto& model : script_.config.models) {
    if (!story_.find(model.name) || !model.plan) continue;
    base::Duration all{};
    for (const auto& phase : model.plan->phases) all += phase.hold;
    plan = std::max(plan, all);
  }
  for (const auto& event : script_.scenario.events)
    last = std::max(last, event.until.value_or(event.at + event.over));
  base::Duration end = last + plan + after_plan;
  for (const auto& expectation : script_.scenario.expectations)
    for (const auto& time : {expectation.at, expectation.after, expectation.before})
      if (time) end = std::max(end, *time);
  return std::min<base::Duration>(end, std::chrono::days(365));
}

base::Result<Story> Rehearsal::run() {
  if (auto written = house_.write_file(text_); !written) return written.error();
  if (auto started = house_.start(); !started) return started.error();
  look();
  fire_due();
  while (now_ < end_ && !nothing_can_happen()) {
    advance(step());
    fire_due();
    if (progress_) progress_(now_, end_);
  }
  finish();
  return std::move(story_);
}

/// Fine around what happens, coarse where nothing does; never over the next event.
base::Duration Rehearsal::step() const {
  const base::Duration usual =
      std::clamp<base::Duration>(window_ / steps_in_window, shortest_step, longest_step);
  const base::Duration fine =
      std::clamp<base::Duration>(window_ / fine_steps_in_window, shortest_step, usual);
  const base::Duration length = now_ < close_until_  ? shortest_step
                                : now_ < fine_until_ ? fine
                                                     : usual;
  base::Duration until = std::min(end_, now_ + length);
  if (!due_.empty()) until = std::min(until, due_.begin()->first);
  if (starts_at_) until = std::min(until, *starts_at_);
  return until - now_;
}

void Rehearsal::advance(base::Duration by) {
  clock_.advance(by);
  now_ += by;
  world_.advance(now_);
  if (!house_.running()) return plane_.miss(by);
  plane_.step(clock_.mono(), by);
  house_.tick();
  if (house_.has_news()) look();
}

void Rehearsal::fire_due() {
  if (starts_at_ && *starts_at_ <= now_) start_gateway();
  while (!due_.empty() && due_.begin()->first <= now_) {
    const Event* event = due_.begin()->second;
    due_.erase(due_.begin());
    fire(*event);
    const base::Duration next = now_ + event->every;
    if (event->every > base::Duration::zero() && (!event->until || next <= *event->until))
      due_.emplace(next, event);
    look_closely();
    if (house_.running()) look();
  }
}

/// Something has happened: what follows is looked at in short steps.
void Rehearsal::look_closely() {
  close_until_ = now_ + close_look;
  fine_until_ = now_ + window_;
  last_news_ = now_;
}

void Rehearsal::note(const std::string& model, const std::string& what, const std::string& text) {
  Moment& moment = story_.moments.emplace_back();
  moment.at = now_;
  moment.model = model;
  moment.what = what;
  moment.reason = text;
}

void Rehearsal::fire(const Event& event) {
  if (event.disk_full) {
    note("", "disk", *event.disk_full ? "full: nothing can be written down" : "has room again");
    house_.disk_full(*event.disk_full);
  }
  if (event.change) {
    std::string text = describe(*event.change);
    if (event.over > base::Duration::zero()) text += ", within " + short_text(event.over);
    note(event.model, "change", text);
    world_.apply(event, now_);
  }
  if (event.file) edit(event);
  for (const auto& one : event.acts) act(event, one);
  if (event.outage) outage(*event.outage);
}

std::string Rehearsal::canary_of(const std::string& model) const {
  const auto* view = view_of(model);
  return view && view->canary ? *view->canary : std::string();
}

const control::ModelView* Rehearsal::view_of(const std::string& model) const {
  for (const auto& view : status_.models)
    if (view.model == model) return &view;
  return nullptr;
}

bool Rehearsal::nothing_can_happen() const {
  if (!open_ended_ || now_ - last_news_ < quiet_end || starts_at_) return false;
  for (const auto& [at, event] : due_)
    if (!repeats_for_ever(*event) || decides(*event)) return false;
  for (const auto& expectation : script_.scenario.expectations)
    if (expectation.at && *expectation.at > now_) return false;
  for (const auto& story : story_.models) {
    const auto* view = view_of(story.model);
    if (view == nullptr || !view->canary) continue;
    const bool over = view->rollout.status == rollout::Status::rolled_back ||
                      view->rollout.status == rollout::Status::complete ||
                      view->rollout.status == rollout::Status::idle;
    if (!over || view->rollout.proof != rollout::ProofStep::none) return false;
  }
  return true;
}

void Rehearsal::finish() {
  story_.length = now_;
  story_.ended_early = now_ < end_;
  story_.missed = plane_.missed();
  for (auto& model : story_.models) {
    for (const auto& [key, totals] : plane_.totals())
      if (key.first == model.model) model.versions.emplace_back(key.second, totals);
  }
  put_in_order(story_.moments);
}

}  // namespace canary::rehearsal

// What the scenario does to the gateway, and what is seen of it.
#include <algorithm>

#include "config/edit.hpp"
#include "rehearsal/rehearsal.hpp"

namespace canary::rehearsal {
namespace {

using config::Act;

constexpr std::string_view nobody_answers = "no gateway answers";

std::string quoted(const std::string& reason) { return reason.empty() ? "" : ": " + reason; }

std::string describe(const Act& act) {
  std::string text(name(act.kind));
  if (act.kind == Act::Kind::rollback && act.mode)
    text += *act.mode == config::RollbackPolicy::Mode::gradual ? " gradual" : " immediate";
  if (act.kind == Act::Kind::complaint) text += act.critical ? " critical" : " minor";
  if (act.kind == Act::Kind::set_flag) text += " " + base::format_percent(act.percentage) + "%";
  if (act.kind == Act::Kind::clear_flag) text += " removed";
  return text + " by " + act.by + quoted(act.reason);
}

std::string phrase(const config::FileEdit& edit) {
  if (!edit.path.empty()) return "replaced by " + edit.path;
  if (!edit.text.empty()) return "replaced";
  std::string text;
  if (edit.rollout_percentage)
    text = "rollout_percentage: " + base::format_percent(*edit.rollout_percentage);
  if (edit.attempt)
    text += (text.empty() ? "" : ", ") + ("attempt: " + std::to_string(*edit.attempt));
  return text;
}

}  // namespace

void Rehearsal::answered(const std::string& model, const std::string& what,
                         const control::Outcome& outcome) {
  if (outcome.status == 200) return;
  Moment& moment = story_.moments.emplace_back();
  moment.at = now_;
  moment.kind = Moment::Kind::answer;
  moment.model = model;
  moment.what = what;
  moment.reason = std::to_string(outcome.status) + " " + outcome.message;
}

void Rehearsal::act(const config::Event& event, const Act& act) {
  const std::string& model = event.model;
  note(model, std::string(name(act.kind)), describe(act));
  if (!house_.running()) {
    control::Outcome outcome;
    outcome.status = 503;
    outcome.message = nobody_answers;
    return answered(model, std::string(name(act.kind)), outcome);
  }
  const rollout::Actor actor{act.by, act.reason};
  const std::string canary = canary_of(model);
  const auto outcome = house_.command([&](control::Controller& controller, control::Done done) {
    switch (act.kind) {
      case Act::Kind::promote:
        return controller.promote(model, actor, std::move(done));
      case Act::Kind::pause:
        return controller.pause(model, actor, std::move(done));
      case Act::Kind::resume:
        return controller.resume(model, actor, std::move(done));
      case Act::Kind::rollback:
        return controller.rollback(model, act.mode.value_or(rollout::Mode::immediate), actor,
                                   std::move(done));
      case Act::Kind::complaint:
        return controller.complaint(model, act.critical, actor, std::move(done));
      case Act::Kind::set_flag:
        return controller.set_flag(canary, act.percentage, actor, std::move(done));
      case Act::Kind::clear_flag:
        return controller.clear_flag(canary, actor, std::move(done));
    }
  });
  answered(model, std::string(name(act.kind)), outcome);
}

void Rehearsal::edit(const config::Event& event) {
  const config::FileEdit& edit = *event.file;
  const bool whole = !edit.text.empty();
  const std::string model = whole ? "" : event.model;
  note(model, "file", phrase(edit));
  base::Result<void> done;
  const auto set = [&](const std::vector<std::string>& path, const std::string& value) {
    auto next = config::set_key(text_, path, value);
    if (next)
      text_ = std::move(*next);
    else
      done = next.error();
  };
  if (whole) text_ = edit.text;
  if (edit.rollout_percentage)
    set({"models", model, "canary", "rollout_percentage"},
        base::format_percent(*edit.rollout_percentage));
  if (edit.attempt) set({"models", model, "attempt"}, std::to_string(*edit.attempt));
  if (done) done = house_.write_file(text_);
  control::Outcome outcome;
  if (!done) {
    outcome.status = 422;
    outcome.message = done.error().message();
  } else if (house_.running()) {
    outcome = house_.command([](control::Controller& controller, control::Done answer) {
      controller.reload("file", std::move(answer));
    });
  }
  answered(model, "file", outcome);
}

void Rehearsal::outage(const config::Outage& outage) {
  if (house_.running()) {
    note("", "gateway", outage.killed ? "killed" : "stopped");
    house_.stop(outage.killed);
  }
  starts_at_ = now_ + outage.down;
  if (outage.down == base::Duration::zero())
    start_gateway();
  else
    mark_down();
}

void Rehearsal::mark_down() {
  for (auto& model : story_.models) {
    Snapshot down = model.snapshots.back();
    down.at = now_;
    down.gateway_down = true;
    model.snapshots.push_back(std::move(down));
  }
}

void Rehearsal::start_gateway() {
  starts_at_.reset();
  const auto started = house_.start();
  note("", "gateway", started ? "started" : "refuses to start: " + started.error().message());
  look_closely();
  if (house_.running())
    look();
  else
    mark_down();
}

/// Takes in what was written down and told since the last look.
void Rehearsal::look() {
  const auto rows = house_.take_rows();
  status_ = house_.status();
  for (const auto& row : rows) add_row(row);
  for (const auto& told : receivers_.take_told()) {
    Moment& moment = story_.moments.emplace_back();
    moment.at = told.time - begin_;
    moment.kind = Moment::Kind::notice;
    moment.model = told.model;
    moment.what = told.receiver;
    moment.reason = told.text;
    moment.decision = name(told.decision);
    moment.cause = told.cause;
  }
  snapshot();
  if (!rows.empty()) look_closely();
}

void Rehearsal::add_row(const store::HistoryRow& row) {
  if (!story_.find(row.model)) return;
  const rollout::Entry& entry = row.entry;
  Moment& moment = story_.moments.emplace_back();
  moment.at = row.time - begin_;
  moment.kind = Moment::Kind::entry;
  moment.model = row.model;
  moment.what = name(entry.kind);
  moment.actor = entry.actor;
  moment.reason = entry.reason;
  moment.before = entry.before;
  moment.after = entry.after;
  moment.phase = entry.phase;
  moment.reading = entry.reading;
  if (const auto* view = view_of(row.model))
    moment.status = std::string(rollout::name(view->rollout.status));
  if (const auto* notice = receivers_.notice(row.model, row.time, entry.kind)) {
    moment.trigger = notice->trigger;
    moment.mode = notice->mode;
  }
}

void Rehearsal::snapshot() {
  for (auto& model : story_.models) {
    const auto* view = view_of(model.model);
    Snapshot now;
    now.at = now_;
    if (view) {
      now.weight = view->weight.effective;
      now.limited_by = std::string(rollout::name(view->weight.limited_by));
      now.status = std::string(rollout::name(view->rollout.status));
      now.reason = view->rollout.reason;
      now.phase = view->rollout.phase;
      now.latched = view->rollout.latched;
    }
    if (model.snapshots.empty() || !(model.snapshots.back() == now))
      model.snapshots.push_back(std::move(now));
  }
}

}  // namespace canary::rehearsal

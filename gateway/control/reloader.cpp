#include "control/reloader.hpp"

#include <utility>

#include "config/cut.hpp"
#include "config/load.hpp"
#include "control/settling.hpp"
#include "log/log.hpp"

namespace canary::control {
namespace {

// A text that ends early but only lowers is believed when it has stayed so long: a person may have
// taken the canary out at the file's end, and must not wait for ever.
constexpr base::Duration cut_patience = std::chrono::seconds(30);
constexpr std::size_t most_problems_told = 20;

std::vector<std::string> told(const std::vector<config::Problem>& problems,
                              const std::string& path) {
  std::vector<std::string> texts;
  for (const auto& problem : problems) texts.push_back(problem.to_string(path));
  return texts;
}

std::string joined(const std::vector<std::string>& problems) {
  std::string text;
  for (std::size_t i = 0; i < problems.size() && i < most_problems_told; ++i)
    text += (i == 0 ? "" : "\n") + problems[i];
  if (problems.size() > most_problems_told)
    text += "\nand " + std::to_string(problems.size() - most_problems_told) + " more";
  return text;
}

}  // namespace

void Reloader::request(std::string actor, Done done) {
  if (waiting_.size() >= capacity) {
    Outcome outcome;
    outcome.status = 503;
    outcome.message = "too many reloads are waiting";
    return done(outcome);
  }
  if (file_.stuck_for()) {
    Outcome outcome;
    outcome.status = 503;
    outcome.message = stuck_text();
    return done(outcome);
  }
  waiting_.push_back({std::move(actor), std::move(done)});
  if (!running_) read();
}

void Reloader::read() {
  running_ = reading_ = true;
  served_ = std::exchange(waiting_, {});
  file_.ask();
}

void Reloader::seen(const Look& look) {
  if (reading_ && look.asked) {
    reading_ = false;
    later_.reset();  // what was seen before is older
    return take(look.file);
  }
  if (running_)
    later_ = look;
  else
    consider(look);
}

void Reloader::consider(const Look& look) {
  if (!look.file) {
    if (look.left == base::Duration::zero() && look.file.error().message() != unread_)
      take_by_itself(look.file);
    return;
  }
  const std::string& text = look.file->text;
  if (text != cut_) cut_.clear();
  if (text == core_.in_force.text || text == refused_) {
    core_.in_force.view.held.clear();
    // Back to what is in force: the problem that was told is gone with the text that had it.
    if (text == core_.in_force.text && !core_.in_force.view.last_reload_ok)
      take_by_itself(look.file);
    return;
  }
  if (const auto reason = reason_to_hold(look); !reason.empty()) return hold(reason);
  if (look.left == base::Duration::zero()) take_by_itself(look.file);
}

/// Why the file is not taken up although it changed; empty when nothing is said of it.
std::string Reloader::reason_to_hold(const Look& look) {
  const std::string now =
      ". To take it up now as it is, send SIGHUP to the gateway or POST /internal/reload";
  if (look.left > base::Duration::zero())
    return look.open ? "it is being written. The gateway waits until the writer has closed it, or "
                       "until it has not changed for " +
                           base::format_duration(patience(Change::opened)) + now
                     : std::string();
  lowers_by_cut_ = false;
  const std::string& text = look.file->text;
  if (look.whole || !config::ends_early(text, core_.in_force.adopted)) return {};
  if (!config::load(text).ok()) return {};  // refused anyhow
  const auto lack = config::lack_of(text, core_.in_force.adopted);
  if (lack.keys.empty()) return {};
  const auto time = core_.parts.clock.mono();
  if (cut_.empty()) {
    cut_ = text;
    cut_since_ = time;
  }
  const std::string what =
      "it ends early and lacks " + lack.what() + ". The gateway waits until the file changes again";
  if (!lack.only_canaries) return what + now;
  lowers_by_cut_ = time - cut_since_ >= cut_patience;
  if (lowers_by_cut_) return {};
  return what + ", and takes it up as it is after " + base::format_duration(cut_patience) + now;
}

void Reloader::hold(const std::string& reason) {
  // A start took the last accepted one in its place: the file is not refused, it waits.
  if (core_.in_force.view.fallback && !cut_.empty()) {
    core_.in_force.view.last_reload_ok = true;
    core_.in_force.view.last_error.clear();
  }
  if (std::exchange(core_.in_force.view.held, reason) != reason)
    log::warn("config_held", {{"path", core_.parts.config_path}, {"reason", reason}});
}

void Reloader::stuck() {
  log::error("config_unreadable", {{"message", stuck_text()}});
  if (reading_) {
    reading_ = false;
    present_.clear();
    Outcome outcome;
    outcome.status = 503;
    outcome.message = unread_ = stuck_text();
    return finish(outcome);
  }
  if (running_) return;
  unread_ = stuck_text();
  core_.in_force.view.last_reload_ok = false;
  core_.in_force.view.last_error = unread_;
}

std::string Reloader::stuck_text() const {
  return still_waiting(core_.parts.config_path, file_.stuck_for().value_or(base::Duration{}));
}

void Reloader::take_by_itself(const base::Result<base::FileText>& file) {
  running_ = true;
  served_.push_back({"file", [](const Outcome&) {}});
  take(file);
}

void Reloader::take(const base::Result<base::FileText>& file) {
  core_.in_force.view.held.clear();
  unread_ = file ? std::string() : file.error().message();
  if (!file) return refuse(422, {unread_});
  present_ = file->text;
  if (present_ == core_.in_force.text) {
    Outcome unchanged;
    unchanged.message = "unchanged";
    return core_.publisher.when_in_force([this, unchanged] { finish(unchanged); });
  }
  auto loaded = config::load(present_);
  if (!loaded.ok()) return refuse(422, told(loaded.errors, core_.parts.config_path));

  std::vector<std::string> problems;
  for (const auto& own : core_.own.among(loaded.config)) problems.push_back(own.to_string());
  for (const auto& key : config::changed_fixed_keys(core_.in_force.config, loaded.config))
    problems.push_back(key + " cannot be changed by a reload: restart the gateway");
  for (const auto& model : loaded.config.models)
    if (auto why = core_.rollouts.objection(model); !why.empty()) problems.push_back(why);
  if (!problems.empty()) return refuse(422, problems);

  auto candidate = std::make_shared<Candidate>();
  candidate->config = std::move(loaded.config);
  candidate->text = present_;
  candidate->cut_short = std::exchange(lowers_by_cut_, false);
  candidate->warnings = told(loaded.warnings, core_.parts.config_path);
  adopter_.adopt(std::move(candidate), [this](const Outcome& outcome) {
    if (outcome.status == 200) return finish(outcome);
    refuse(outcome.status, {outcome.message});
  });
}

void Reloader::refuse(int status, const std::vector<std::string>& problems) {
  // A sound text that the disk did not take (503) is tried again at the next look.
  const bool lasting = unread_.empty() && status == 422;
  refused_ = lasting ? std::optional(present_) : std::nullopt;
  for (const auto& problem : problems)
    log::error("config_rejected", {{"path", core_.parts.config_path}, {"problem", problem}});
  Outcome outcome;
  outcome.status = status;
  outcome.message = joined(problems);
  finish(outcome);
}

void Reloader::finish(const Outcome& outcome) {
  const bool good = outcome.status == 200;
  core_.in_force.view.last_reload_ok = good;
  core_.in_force.view.last_error = good ? std::string() : outcome.message;
  if (good) {
    refused_.reset();
    log::info("config_in_force", {{"path", core_.parts.config_path},
                                  {"generation", core_.in_force.view.generation},
                                  {"actor", served_.empty() ? "" : served_.front().actor}});
  }
  const auto served = std::exchange(served_, {});
  running_ = false;
  for (const auto& request : served) request.done(outcome);
  if (running_) return;
  if (!waiting_.empty()) return read();
  if (const auto look = std::exchange(later_, std::nullopt)) consider(*look);
}

}  // namespace canary::control

#include "control/reloader.hpp"

#include <fstream>
#include <utility>

#include "config/load.hpp"
#include "log/log.hpp"

namespace canary::control {
namespace {

constexpr std::size_t largest_file = 1 << 20;
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

base::Result<std::string> read_config(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return base::Error("cannot read " + path);
  std::string text(largest_file + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return base::Error("cannot read " + path);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > largest_file) return base::Error(path + " is larger than 1 MiB");
  return base::Result<std::string>(boost::system::in_place_value, std::move(text));
}

void Reloader::request(std::string actor, Done done) {
  if (waiting_.size() >= capacity) {
    Outcome outcome;
    outcome.status = 503;
    outcome.message = "too many reloads are waiting";
    return done(outcome);
  }
  waiting_.push_back({std::move(actor), std::move(done)});
  if (!running_) run();
}

void Reloader::look() {
  if (running_) {
    look_again_ = true;
    return;
  }
  auto text = read_config(core_.parts.config_path);
  if (text && (*text == core_.text || *text == refused_)) {
    // Back to what is in force: the problem that was told is gone with the text that had it.
    if (*text == core_.text && !core_.view.last_reload_ok) request("file", [](const Outcome&) {});
    return;
  }
  if (!text && text.error().message() == unread_) return;
  request("file", [](const Outcome&) {});
}

void Reloader::run() {
  running_ = true;
  served_ = std::exchange(waiting_, {});
  auto text = read_config(core_.parts.config_path);
  unread_ = text ? std::string() : text.error().message();
  if (!text) return refuse(422, {text.error().message()});
  present_ = std::move(*text);
  if (present_ == core_.text) {
    Outcome unchanged;
    unchanged.message = "unchanged";
    return core_.publisher.when_in_force([this, unchanged] { finish(unchanged); });
  }
  auto loaded = config::load(present_);
  if (!loaded.ok()) return refuse(422, told(loaded.errors, core_.parts.config_path));

  std::vector<std::string> problems;
  for (const auto& own : core_.own.among(loaded.config)) problems.push_back(own.to_string());
  for (const auto& key : config::changed_fixed_keys(core_.config, loaded.config))
    problems.push_back(key + " cannot be changed by a reload: restart the gateway");
  for (const auto& model : loaded.config.models)
    if (auto why = core_.rollouts.objection(model); !why.empty()) problems.push_back(why);
  if (!problems.empty()) return refuse(422, problems);

  auto candidate = std::make_shared<Candidate>();
  candidate->config = std::move(loaded.config);
  candidate->text = present_;
  candidate->warnings = told(loaded.warnings, core_.parts.config_path);
  adopter_.adopt(std::move(candidate), [this](const Outcome& outcome) {
    if (outcome.status == 200) return finish(outcome);
    refuse(outcome.status, {outcome.message});
  });
}

void Reloader::refuse(int status, const std::vector<std::string>& problems) {
  refused_.reset();
  // A sound text that the disk did not take (503) is tried again at the next look.
  if (unread_.empty() && status == 422) refused_ = present_;
  for (const auto& problem : problems)
    log::error("config_rejected", {{"path", core_.parts.config_path}, {"problem", problem}});
  Outcome outcome;
  outcome.status = status;
  outcome.message = joined(problems);
  finish(outcome);
}

void Reloader::finish(const Outcome& outcome) {
  const bool good = outcome.status == 200;
  core_.view.last_reload_ok = good;
  core_.view.last_error = good ? std::string() : outcome.message;
  if (good) {
    refused_.reset();
    log::info("config_in_force", {{"path", core_.parts.config_path},
                                  {"generation", core_.view.generation},
                                  {"actor", served_.empty() ? "" : served_.front().actor}});
  }
  const auto served = std::exchange(served_, {});
  running_ = false;
  for (const auto& request : served) request.done(outcome);
  if (running_) return;
  if (!waiting_.empty()) return run();
  if (std::exchange(look_again_, false)) look();
}

}  // namespace canary::control

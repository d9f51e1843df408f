#include "rehearsal/rehearse.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "base/json_text.hpp"
#include "base/printable.hpp"
#include "base/read_file.hpp"
#include "base/url_text.hpp"
#include "log/log.hpp"
#include "rehearsal/rehearsal.hpp"
#include "rehearsal/render.hpp"
#include "rehearsal/verdicts.hpp"

namespace canary::rehearsal {
namespace {

using config::Problem;

/// Problems of one of the files, one per line or as JSON.
int refuse(const std::string& path, const std::vector<Problem>& problems, bool json,
           std::ostream& out, std::ostream& err) {
  std::string list;
  for (const auto& problem : problems) {
    if (!json) err << base::printable(problem.to_string(path)) << "\n";
    list += (list.empty() ? "" : ",") + ("{\"line\":" + std::to_string(problem.line)) +
            ",\"column\":" + std::to_string(problem.column) +
            ",\"key\":" + base::json_string(problem.key) +
            ",\"found\":" + base::json_string(problem.found) +
            ",\"expected\":" + base::json_string(problem.expected) + "}";
  }
  if (json)
    out << "{\"ok\":false,\"file\":" << base::json_string(path) << ",\"errors\":[" << list
        << "]}\n";
  else
    err << base::printable(path) << ": " << problems.size()
        << (problems.size() == 1 ? " error\n" : " errors\n");
  return rehearse_invalid;
}

Problem unreadable(const base::Error& error) {
  return {0, 0, "", error.message(), "a file that can be read"};
}

/// Reads the configurations that the scenario puts in the file's place.
std::vector<Problem> read_replacements(config::Scenario& scenario, const std::string& beside) {
  std::vector<Problem> problems;
  const auto directory = std::filesystem::path(beside).parent_path();
  for (std::size_t i = 0; i < scenario.events.size(); ++i) {
    auto& event = scenario.events[i];
    if (!event.file || event.file->path.empty()) continue;
    auto file = base::read_file((directory / event.file->path).string(), base::max_config_bytes,
                                base::Accept::streams);
    if (file)
      event.file->text = std::move(file->text);
    else  // what was taken for a path may be anything
      problems.push_back({event.place.line, event.place.column,
                          "events[" + std::to_string(i) + "].file",
                          "a path (not shown): " + file.error().message(),
                          "the path of a configuration, from the scenario's directory on"});
  }
  return problems;
}

/// Texts of the scenario go through the story, and come out in it; URLs among them are cut to what
/// can be shown.
void hide_urls(Story& story) {
  const auto hide = [](std::string& text) { text = base::without_url_secrets(text); };
  for (auto& moment : story.moments)
    for (std::string* text : {&moment.what, &moment.actor, &moment.reason, &moment.cause})
      hide(*text);
  for (auto& model : story.models)
    for (auto& snapshot : model.snapshots) hide(snapshot.reason);
  for (auto& verdict : story.verdicts)
    for (std::string* text : {&verdict.expected, &verdict.instead}) hide(*text);
}

/// Says on a terminal how far it is, when it takes more than a moment.
class Meter {
 public:
  Meter(const base::Clock& clock, bool terminal, std::ostream& err)
      : clock_(clock), terminal_(terminal), err_(err), begin_(clock.mono()), next_(begin_ + wait) {}

  void operator()(base::Duration now, base::Duration end) {
    constexpr unsigned seldom = 256;
    if (!terminal_ || ++calls_ % seldom != 0 || clock_.mono() < next_) return;
    next_ = clock_.mono() + wait;
    shown_ = true;
    err_ << "\r" << time_text(now) << " of " << time_text(end) << " " << std::flush;
  }
  void finish(base::Duration simulated) {
    if (shown_) err_ << "\r" << std::string(40, ' ') << "\r";
    if (!terminal_) return;
    const double real = std::chrono::duration<double>(clock_.mono() - begin_).count();
    err_ << time_text(simulated) << " rehearsed in " << base::format_number(real, 2) << " s\n";
  }

 private:
  static constexpr auto wait = std::chrono::milliseconds(500);
  const base::Clock& clock_;
  bool terminal_;
  std::ostream& err_;
  base::MonoTime begin_, next_;
  unsigned calls_ = 0;
  bool shown_ = false;
};

int rehearse(const Script& script, const RehearseOptions& options, Meter& meter, std::ostream& out,
             std::ostream& err) {
  auto story = Rehearsal(script, [&](auto now, auto end) { meter(now, end); }).run();
  if (!story) {
    err << base::printable(options.config_path +
                           ": the gateway does not start on it: " + story.error().message())
        << "\n";
    return rehearse_failed;
  }
  story->verdicts = judge(*story, script.scenario.expectations);
  hide_urls(*story);
  meter.finish(story->length);
  const Titles titles{options.config_path, options.scenario_path,
                      base::without_url_secrets(script.scenario.title)};
  if (options.json) {
    write_json(*story, titles, out);
  } else {
    std::ostringstream text;  // with reasons and names of the scenario
    write_text(*story, titles, text);
    out << base::printable_lines(text.str());
  }
  const bool met = std::all_of(story->verdicts.begin(), story->verdicts.end(),
                               [](const Verdict& verdict) { return verdict.met; });
  return met ? rehearse_met : rehearse_not_met;
}

}  // namespace

int run_rehearse(const RehearseOptions& options, const base::Clock& clock, bool terminal,
                 std::ostream& out, std::ostream& err) {
  const auto refused = [&](const std::string& path, const std::vector<Problem>& problems) {
    return refuse(base::without_url_secrets(path), problems, options.json, out, err);
  };
  const auto text = base::read_config_text(options.config_path);
  if (!text) return refused(options.config_path, {unreadable(text.error())});
  auto loaded = config::load(*text);
  if (!loaded.ok()) return refused(options.config_path, loaded.errors);
  const auto scenario_text = base::read_config_text(options.scenario_path);
  if (!scenario_text) return refused(options.scenario_path, {unreadable(scenario_text.error())});
  auto scenario = config::load_scenario(*scenario_text, loaded.config);
  if (!scenario.ok()) return refused(options.scenario_path, scenario.errors);
  const auto problems = read_replacements(scenario.scenario, options.scenario_path);
  if (!problems.empty()) return refused(options.scenario_path, problems);

  Script script;
  script.config = std::move(loaded.config);
  script.config_text = *text;
  script.config_name = std::filesystem::path(options.config_path).filename().string();
  script.scenario = std::move(scenario.scenario);
  if (options.duration) script.scenario.duration = options.duration;
  script.seed = options.seed.value_or(script.scenario.seed.value_or(1));
  Meter meter(clock, terminal, err);
  try {
    return rehearse(script, options, meter, out, err);
  } catch (const std::exception& e) {
    err << "the rehearsal failed: " << e.what() << "\n";
    return rehearse_failed;
  }
}

int run_rehearse(const RehearseOptions& options, const base::Clock& clock) {
  log::silence(true);
  const int status =
      run_rehearse(options, clock, ::isatty(STDERR_FILENO) == 1, std::cout, std::cerr);
  std::cout.flush();
  return status;
}

}  // namespace canary::rehearsal

// The composition root: the command line. `run` wires the gateway (run/gateway.hpp), `check` needs
// none (tools), every other command talks to a running one (cli).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string_view>

#include "base/nearest_word.hpp"
#include "base/printable.hpp"
#include "base/units.hpp"
#include "base/url_text.hpp"
#include "cli/commands.hpp"
#include "rehearsal/rehearse.hpp"
#include "run/gateway.hpp"
#include "run/signals.hpp"
#include "tools/check.hpp"

namespace {

using namespace canary;

struct CommandLine {
  run::RunOptions run;
  std::string drain = "30s";
  std::string check_path;
  bool check_json = false, version_json = false;
  cli::Options status;
  cli::SetOptions set;
  cli::RolloutOptions resume, rollback, promote, pause;
  cli::Options latches;
  cli::ForgetOptions forget;
  cli::HistoryOptions history;
  cli::ReportOptions report;
  rehearsal::RehearseOptions rehearse;
  std::string rehearse_duration, help;
  int exit_status = 0;
};

cli::Terminal terminal() { return cli::process_terminal(base::SystemClock().wall()); }

// What CLI11 says of a value that is none of these would repeat the value.
std::string check_duration(const std::string& text) {
  const auto parsed = base::parse_duration(text);
  return parsed ? std::string() : parsed.error().message();
}

std::string check_number(const std::string& text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool good = code == std::errc() && end == text.data() + text.size();
  if (good && value >= least && value <= most) return {};
  return "not a whole number " + std::to_string(least) + ".." + std::to_string(most);
}

void add_run(CLI::App& app, CommandLine& line) {
  CLI::App* run = app.add_subcommand("run", "Serve traffic until SIGTERM or SIGINT");
  run->add_option("-c,--config", line.run.config_path, "The configuration file")
      ->required()
      ->type_name("FILE");
  run->add_option("--state-dir", line.run.state_dir, "Instead of the file's state_dir")
      ->type_name("DIR");
  run->add_option("--drain-timeout", line.drain,
                  "How long requests in flight may go on after SIGTERM")
      ->type_name("DURATION")
      ->capture_default_str()
      ->check(check_duration);
  run->add_flag("--takeover", line.run.takeover,
                "Share the data ports with a gateway that still listens on them");
  run->footer(
      "SIGHUP reloads the file (so does saving it), SIGUSR1 reopens the access log.\n"
      "Exit status: 0 drained, 1 could not start (port, state directory), 2 invalid configuration\n"
      "and no accepted one to fall back to.");
  run->callback([&line] {
    line.run.drain = *base::parse_duration(line.drain);
    line.exit_status = run::run_gateway(line.run);
  });
}

void add_check(CLI::App& app, CommandLine& line) {
  CLI::App* check = app.add_subcommand("check", "Say whether a configuration file is valid");
  check->add_option("-c,--config,file", line.check_path, "The configuration file: FILE, or -c FILE")
      ->required()
      ->option_text("FILE");
  check->add_flag("--json", line.check_json, "Answer as JSON");
  check->footer("Exit status: 0 valid, 2 not valid: every problem with its line and column.");
  check->callback(
      [&line] { line.exit_status = tools::run_check(line.check_path, line.check_json); });
}

void add_rehearse(CLI::App& app, CommandLine& line) {
  CLI::App* rehearse = app.add_subcommand(
      "rehearse", "Try a plan before it is trusted: weeks of simulated time in seconds");
  rehearse->add_option("-c,--config", line.rehearse.config_path, "The configuration file")
      ->required()
      ->type_name("FILE");
  rehearse->add_option("-s,--scenario", line.rehearse.scenario_path, "What happens meanwhile")
      ->required()
      ->type_name("FILE");
  rehearse->add_flag("--json", line.rehearse.json, "The whole story as one JSON document");
  rehearse->add_option("--seed", line.rehearse.seed, "Of the traffic; instead of the scenario's")
      ->type_name("N")
      ->check([](const std::string& text) { return check_number(text, 0, UINT64_MAX); });
  rehearse->add_option("--duration", line.rehearse_duration, "Instead of the scenario's")
      ->type_name("DURATION")
      ->check(check_duration);
  rehearse->footer(
      "The gateway's own control plane runs on a simulated clock, in a directory of its own: no\n"
      "socket is opened, nothing of the configuration's state_dir is touched. A scenario:\n\n"
      "  requests_per_second: 50\n"
      "  stable: { error_rate: 0.02%, latency: { p50: 40ms, p95: 120ms } }\n"
      "  canary: { error_rate: 0.02%, latency: { p50: 35ms, p95: 110ms } }\n"
      "  events:\n"
      "    - { at: 8d, canary: { error_rate: 3% } }\n"
      "  expect:\n"
      "    - { rollback: error_rate, after: 8d, before: 8d5m }\n\n"
      "Every key: docs/rehearsal.md; more scenarios: config/scenarios.\n"
      "Exit status: 0 all that was expected happened, 1 it did not, 2 a file is invalid,\n"
      "3 it could not be rehearsed.");
  rehearse->callback([&line] {
    if (!line.rehearse_duration.empty())
      line.rehearse.duration = *base::parse_duration(line.rehearse_duration);
    line.exit_status = rehearsal::run_rehearse(line.rehearse, base::SystemClock());
  });
}

void add_admin_options(CLI::App& command, cli::Options& options) {
  command.add_option("--admin", options.admin, "The gateway's admin listener")
      ->type_name("URL")
      ->default_str(base::url_origin(options.admin));
  command.add_option("--token-file", options.token_file, "A file with the bearer token")
      ->type_name("FILE");
  command.add_flag("--json", options.json, "The gateway's answer as it is");
  command.footer(
      "CANARY_GATEWAY_ADMIN sets the default of --admin.\n"
      "Exit status: 0 done, 1 the gateway refused, 2 wrong usage, 3 no gateway reached.");
}

template <class Options>
void add_actor_options(CLI::App& command, Options& options, bool reason_required) {
  command.add_option("--by", options.by, "Operator name")->type_name("NAME")->capture_default_str();
  command.add_option("--reason", options.reason, "Why: what the next person reads in the history")
      ->type_name("TEXT")
      ->required(reason_required);
}

void add_status(CLI::App& app, CommandLine& line) {
  CLI::App* status = app.add_subcommand("status", "Weights, rollouts and criteria of each model");
  add_admin_options(*status, line.status);
  status->callback([&line] { line.exit_status = cli::run_status(line.status, terminal()); });
}

void add_set(CLI::App& app, CommandLine& line) {
  CLI::App* set = app.add_subcommand("set", "Put a canary version's flag: set dcf_v2 0");
  set->add_option("MODEL_VERSION", line.set.version, "The canary's version name")->required();
  set->add_option("PERCENT", line.set.percent, "0 to 100, in steps of 0.01")->required();
  add_admin_options(*set, line.set);
  add_actor_options(*set, line.set, false);
  set->callback([&line] { line.exit_status = cli::run_set(line.set, terminal()); });
}

CLI::App* add_rollout(CLI::App& app, const std::string& name, const std::string& description,
                      cli::RolloutOptions& options, int& exit_status,
                      int (*run)(const cli::RolloutOptions&, const cli::Terminal&)) {
  CLI::App* command = app.add_subcommand(name, description);
  command->add_option("MODEL", options.model, "The model's name")->required();
  add_admin_options(*command, options);
  add_actor_options(*command, options, true);
  command->callback([&options, &exit_status, run] { exit_status = run(options, terminal()); });
  return command;
}

void add_latches(CLI::App& app, CommandLine& line) {
  CLI::App* latches = app.add_subcommand(
      "latches", "The versions that are rolled back and stay so, also those out of the file");
  add_admin_options(*latches, line.latches);
  latches->callback([&line] { line.exit_status = cli::run_latches(line.latches, terminal()); });
  CLI::App* forget = app.add_subcommand(
      "forget", "Open the latch of a version that the file does not name, and free its slot");
  forget->add_option("VERSION", line.forget.version, "The canary version's name")->required();
  add_admin_options(*forget, line.forget);
  add_actor_options(*forget, line.forget, true);
  forget->callback([&line] { line.exit_status = cli::run_forget(line.forget, terminal()); });
}

void add_history(CLI::App& app, CommandLine& line) {
  CLI::App* history = app.add_subcommand("history", "Every decision, newest first");
  CLI::Option* model = history->add_option("MODEL", line.history.model, "Only this model's");
  history->add_option("--limit", line.history.limit, "Maximum rows, 1 to 1000")
      ->check([](const std::string& text) { return check_number(text, 1, 1000); })
      ->capture_default_str();
  add_admin_options(*history, line.history);
  history->callback([&line, model] {
    line.history.model_given = model->count() > 0;
    line.exit_status = cli::run_history(line.history, terminal());
  });
}

void add_report(CLI::App& app, CommandLine& line) {
  CLI::App* report =
      app.add_subcommand("report", "Figures, decisions and what is left to do, for the model card");
  report->add_option("MODEL", line.report.model, "The model's name")->required();
  add_admin_options(*report, line.report);
  report->callback([&line] { line.exit_status = cli::run_report(line.report, terminal()); });
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

int fail_usage(const std::string& what) {
  std::cerr << base::printable("canary-gateway: " + what) << "\n";
  return cli::exit_usage;
}

int unknown_command(const CLI::App& app, const std::string& word) {
  const std::string guess = base::nearest_word(word, command_names(app));
  return fail_usage("unknown command; " + (guess.empty() ? "" : "did you mean " + guess + "? ") +
                    "canary-gateway help lists the commands");
}

/// The name of what was typed as an option, without a value. One that is not spelled as ours are
/// may be anything: it is not repeated.
std::string option_name(const std::string& word) {
  constexpr std::size_t max_name = 30;
  const std::string name = word.substr(0, word.find('='));
  const std::size_t begin = name.find_first_not_of('-');
  const bool like_ours =
      begin <= 2 && name.size() <= max_name &&
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-", begin) == std::string::npos;
  return like_ours ? name : "an option (not shown)";
}

/// What is wrong with the command line, without a word of what was typed as a value: it may be a
/// token, or a URL with a password in it.
std::string usage_problem(const CLI::App& app, const CLI::ParseError& error) {
  std::string unknown;
  const auto rest = app.remaining(true);
  for (const std::string& word : rest)
    if (word.starts_with('-')) (unknown += unknown.empty() ? "" : ", ") += option_name(word);
  if (!unknown.empty()) return "unknown option: " + unknown;
  const std::string what = error.what();
  switch (static_cast<CLI::ExitCodes>(error.get_exit_code())) {
    case CLI::ExitCodes::RequiredError:
    case CLI::ExitCodes::RequiresError:
    case CLI::ExitCodes::ExcludesError:
    case CLI::ExitCodes::ArgumentMismatch:
    case CLI::ExitCodes::ValidationError:  // its texts are those of our own checks
      return what;
    default:
      break;
  }
  if (!rest.empty()) return "more words than the command takes";
  // A flag with a value: CLI11 says `Could not convert: --json = VALUE`.
  const std::size_t option = what.find("--"), end = what.find(" = ");
  return (option < end ? what.substr(option, end - option) : "an option") +
         " does not take the value that it was given";
}

void add_help(CLI::App& app, CommandLine& line) {
  CLI::App* help = app.add_subcommand("help", "The commands, or the options of one");
  help->add_option("COMMAND", line.help, "The command");
  help->callback([&app, &line] {
    const auto names = command_names(app);
    if (line.help.empty())
      // App::help() would be that of the command that was given, which is this one.
      std::cout << app.get_formatter()->make_help(&app, app.get_name(), CLI::AppFormatMode::Normal);
    else if (std::find(names.begin(), names.end(), line.help) != names.end())
      std::cout << app.get_subcommand(line.help)->help(app.get_name());
    else
      line.exit_status = unknown_command(app, line.help);
  });
}

/// What CLI11 would only say that a command is required to: no command, or one that is none.
std::optional<int> refuse_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2) return fail_usage("a command is needed; canary-gateway help lists the commands");
  const std::string word = argv[1];
  const auto names = command_names(app);
  if (word.starts_with('-') || std::find(names.begin(), names.end(), word) != names.end())
    return std::nullopt;
  return unknown_command(app, word);
}

void add_version(CLI::App& app, CommandLine& line) {
  CLI::App* version = app.add_subcommand("version", "This binary's version");
  version->add_flag("--json", line.version_json, "Answer as JSON");
  version->callback(
      [&line] { line.exit_status = cli::run_version(line.version_json, terminal()); });
}

}  // namespace

int main(int argc, char** argv) {
  // Before anything else: a SIGHUP may come as soon as the process is there.
  if (argc > 1 && argv[1] == std::string_view("run")) run::take_signals();
  CLI::App app(
      "canary-gateway puts a new model version in front of real users without hurting them.",
      "canary-gateway");
  CommandLine line;
  app.require_subcommand(1);
  add_run(app, line);
  add_check(app, line);
  add_rehearse(app, line);
  add_status(app, line);
  add_set(app, line);
  add_rollout(app, "rollback", "Take the canary's weight to 0 and keep it there", line.rollback,
              line.exit_status, cli::run_rollback)
      ->add_flag("--gradual", line.rollback.gradual,
                 "Down the file's rollback.ladder, judged at every rung, instead of to 0 at once");
  add_rollout(app, "resume", "Open the latch that a rollback closed, or end a pause", line.resume,
              line.exit_status, cli::run_resume);
  add_rollout(app, "promote", "End the present phase of the plan", line.promote, line.exit_status,
              cli::run_promote)
      ->add_option("--phase", line.promote.phase,
                   "The phase that is meant: it ends also when nothing was judged in it yet")
      ->type_name("N")
      ->check([](const std::string& text) { return check_number(text, 1, UINT32_MAX); });
  add_rollout(app, "pause", "End no phase until resumed; triggers still fire", line.pause,
              line.exit_status, cli::run_pause);
  add_latches(app, line);
  add_history(app, line);
  add_report(app, line);
  add_version(app, line);
  add_help(app, line);
  app.set_version_flag("-V,--version", cli::version_text());
  app.footer(
      "canary-gateway help COMMAND lists a command's options and exit statuses.\n"
      "Every page: docs/ beside the source; the command line: docs/cli.md.");
  if (const auto refused = refuse_command(app, argc, argv)) return *refused;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0)
      return fail_usage(usage_problem(app, error) + "; --help lists the options");
    app.exit(error);
    return cli::exit_ok;
  }
  return line.exit_status;
}

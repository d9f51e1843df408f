// The commands that change something: each looks first, shows what it acts on, and says so to the
// gateway, which refuses when that has changed meanwhile.
#include "base/json_text.hpp"
#include "base/random.hpp"
#include "base/units.hpp"
#include "cli/question.hpp"
#include "cli/render.hpp"

namespace canary::cli {
namespace {

namespace json = boost::json;

std::string actor_fields(const std::string& by, const std::string& reason) {
  std::string out = "\"by\":" + base::json_string(by);
  if (!reason.empty()) out += ",\"reason\":" + base::json_string(reason);
  return out;
}

/// A key that no other invocation has.
std::string new_key(base::WallTime now) {
  base::Random random(base::random_seed());
  return base::uuid_v7(now, random);
}

/// The model that a command acts on, by its own name or its canary's; null when there is none.
const json::value& find_model(const json::value& status, const std::string& model,
                              const std::string& canary) {
  static const json::value none;
  const auto* models = at(status, "models").if_array();
  if (models == nullptr) return none;
  for (const auto& each : *models)
    if (model.empty() ? text(at(each, "canary", "version")) == canary
                      : text(at(each, "name")) == model)
      return each;
  return none;
}

/// The version among those that are latched; null when it is not.
const json::value& find_latch(const json::value& latches, const std::string& version) {
  static const json::value none;
  const auto* rows = at(latches, "latches").if_array();
  if (rows == nullptr) return none;
  for (const auto& row : *rows)
    if (text(at(row, "canary")) == version) return row;
  return none;
}

std::string whole(const json::value& value) { return base::format_number(number(value), 10); }

std::string phase_field(const json::value& model) {
  const json::value& phase = at(model, "rollout", "phase");
  return "\"phase\":" + (phase.is_number() ? whole(phase) : "null");
}

std::string rollback_field(const json::value& model) {
  const json::value& rollback = at(model, "rollout", "rollback");
  return "\"rollback\":" + (rollback.is_object() ? whole(at(rollback, "number")) : "0");
}

/// Which parts of what was shown a command rests on.
enum class Rests { on_rollback, on_phase, on_both };

/// `named`: the phase that the person named; 0: none, it is the one that was shown.
std::string expect_of(const json::value& model, Rests rests, std::uint32_t named = 0) {
  if (!at(model, "rollout").is_object() || !at(model, "canary").is_object()) return {};
  std::string out = ",\"expect\":{";
  if (named > 0)
    out += "\"phase\":" + std::to_string(named);
  else if (rests != Rests::on_rollback)
    out += phase_field(model);
  if (rests == Rests::on_both) out += ',';
  if (rests != Rests::on_phase) out += rollback_field(model);
  return out + "}";
}

struct Change {
  std::string method, target, fields;  // of the body
  std::vector<std::string_view> keys;  // of the answer
  std::string model, canary;           // whichever the command names
  std::uint32_t phase = 0;             // that the person named
};

/// Looks, shows, sends. `rests` is asked with what the status says of the model.
template <class Rest, class Render>
int change(const Options& options, const Terminal& terminal, const Change& change, Rest&& rests,
           Render&& render) {
  int exit_status = exit_ok;
  const auto status = ask(options, terminal, {"GET", "/internal/status", status_keys}, exit_status);
  if (!status) return exit_status;
  if (status->status != 200) return told(options, terminal, *status).value_or(exit_refused);
  const json::value& model = find_model(status->document, change.model, change.canary);
  if (!options.json) terminal.out << render_acts_on(model);
  const Question question{change.method, change.target, change.keys,
                          "{" + change.fields + expect_of(model, rests(model), change.phase) + "}",
                          new_key(terminal.now)};
  return show(options, terminal, question, render);
}

int run_rollout(const RolloutOptions& options, const Terminal& terminal, const char* command,
                const char* done, Rests rests) {
  if (options.reason.empty())
    return fail(options, terminal, exit_usage, "usage",
                std::string(command) + " needs --reason: it is what the next person will read");
  if (options.by.empty()) return fail(options, terminal, exit_usage, "usage", "--by is empty");
  const Change change{
      "POST",
      "/internal/rollouts/" + escape(options.model) + "/" + command,
      actor_fields(options.by, options.reason) + (options.gradual ? ",\"mode\":\"gradual\"" : ""),
      {"model", "weight"},
      options.model,
      "",
      options.phase};
  const bool resumes = std::string_view(command) == "resume";
  return cli::change(
      options, terminal, change,
      [&](const json::value& model) {
        // With a pause in force that alone is meant: a rollback is named by whoever opens its
        // latch.
        return resumes && truth(at(model, "rollout", "paused")) ? Rests::on_phase : rests;
      },
      [&](const json::value& answer) { return render_command(done, answer); });
}

}  // namespace

int run_set(const SetOptions& options, const Terminal& terminal) {
  if (options.by.empty()) return fail(options, terminal, exit_usage, "usage", "--by is empty");
  const auto percent = base::parse_percent(options.percent);
  if (!percent)
    return fail(options, terminal, exit_usage, "usage", "PERCENT: " + percent.error().message());
  const auto points = base::to_basis_points(*percent);
  if (!points)
    return fail(options, terminal, exit_usage, "usage", "PERCENT: " + points.error().message());
  const Change change{"PUT",
                      "/internal/flags/" + escape(options.version),
                      "\"rollout_percentage\":" + base::format_percent(*points) + "," +
                          actor_fields(options.by, options.reason),
                      {"rollout_percentage", "effective"},
                      "",
                      options.version,
                      0};
  return cli::change(
      options, terminal, change,
      // To 0 in whatever phase it is.
      [&](const json::value&) { return *points == 0 ? Rests::on_rollback : Rests::on_both; },
      [&](const json::value& flag) { return render_flag(options.version, flag); });
}

int run_resume(const RolloutOptions& options, const Terminal& terminal) {
  return run_rollout(options, terminal, "resume", "resumed", Rests::on_rollback);
}

int run_rollback(const RolloutOptions& options, const Terminal& terminal) {
  return run_rollout(options, terminal, "rollback",
                     options.gradual ? "goes down the ladder" : "rolled back", Rests::on_rollback);
}

int run_promote(const RolloutOptions& options, const Terminal& terminal) {
  // Who names no phase ends none of which nothing was judged: the gateway sees to that. The phase
  // that is shown was not named by anybody.
  return run_rollout(options, terminal, "promote", "promoted",
                     options.phase > 0 ? Rests::on_both : Rests::on_rollback);
}

int run_pause(const RolloutOptions& options, const Terminal& terminal) {
  return run_rollout(options, terminal, "pause", "paused", Rests::on_both);
}

int run_forget(const ForgetOptions& options, const Terminal& terminal) {
  if (options.reason.empty())
    return fail(options, terminal, exit_usage, "usage",
                "forget needs --reason: it is what the next person will read");
  if (options.by.empty()) return fail(options, terminal, exit_usage, "usage", "--by is empty");
  int exit_status = exit_ok;
  const auto latches =
      ask(options, terminal, {"GET", "/internal/latches", {"latches"}}, exit_status);
  if (!latches) return exit_status;
  if (latches->status != 200) return told(options, terminal, *latches).value_or(exit_refused);
  const json::value& latch = find_latch(latches->document, options.version);
  if (!options.json) terminal.out << render_forgets(latch);
  std::string expect;
  if (latch.is_object())
    expect = ",\"expect\":{\"rollback\":" + whole(at(latch, "rollbacks")) + "}";
  const Question question{"POST",
                          "/internal/latches/" + escape(options.version) + "/forget",
                          {"version", "forgotten"},
                          "{" + actor_fields(options.by, options.reason) + expect + "}",
                          new_key(terminal.now)};
  return show(options, terminal, question, [](const json::value& answer) {
    return text(at(answer, "version")) + " forgotten: it begins anew if the file names it again\n";
  });
}

}  // namespace canary::cli
